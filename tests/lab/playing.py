"""Playing the drills of a scenario one after the other."""

from pathlib import Path

from lab import drills
from lab.drills.model import Drill
from lab.drills.session import Session


class DidNotHoldError(AssertionError):
    """A drill did not hold.

    Attributes:
        harm: What of it happened and must never happen, so that a second time could not excuse it.
    """

    def __init__(self, text: str, harm: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.harm = harm


def hold(session: Session, drill: Drill, directory: Path) -> None:
    """Play a drill and write its report.

    Args:
        session: What watches the lab meanwhile.
        drill: The drill.
        directory: Where its report goes.

    Raises:
        DidNotHoldError: It did not hold, or could not be run; the report's text says in what.
    """
    report = drills.play(session, drill)
    if report is None:
        raise DidNotHoldError("it could not be run; what is printed above says why")
    drills.conclude([report], directory)
    if not report.held:
        raise DidNotHoldError((directory / f"{drill.name}.md").read_text(), report.harm)
