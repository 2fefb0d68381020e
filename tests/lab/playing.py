"""Playing the drills of a scenario one after the other, and once more where one did not hold."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab import drills
from lab.drills.model import Drill
from lab.drills.session import Session

ONCE_MORE = 1
"""How many drills of one lab's may be played a second time; three labs are up side by side.

Some twenty daemons share two cores with whatever else the machine does, so one drill in some hundred
loses a race that it does not lose twice. A fault of Hale's own breaks more than that, or breaks one twice.
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a drill.

    Attributes:
        broken: What did not hold; empty when all of it did.
        harm: What of it happened and must never happen, so that a second time could not excuse it.
    """

    broken: str = ""
    harm: tuple[str, ...] = ()


def played(session: Session, drill: Drill, directory: Path) -> Ended:
    """Play a drill and write its report."""
    report = drills.play(session, drill)
    if report is None:
        return Ended("it could not be run; what is printed above says why")
    drills.conclude([report], directory)
    if report.held:
        return Ended()
    return Ended((directory / f"{drill.name}.md").read_text(), report.harm)


@dataclass(slots=True)
class Played:
    """What a run of the tests remembers of its drills.

    Attributes:
        play: What plays one; see `played`.
        again: Those that did not hold the first time, and why.
    """

    play: Callable[[Session, Drill, Path], Ended] = played
    again: dict[str, str] = field(default_factory=dict)

    def hold(self, session: Session, drill: Drill, reports: Path) -> None:
        """Play a drill, and once more if it did not hold, did no harm and few have.

        Args:
            session: What watches the lab meanwhile.
            drill: The drill.
            reports: Where its reports go: `first` and, where there was one, `second` in it.

        Raises:
            AssertionError: It did not hold; the report's text says in what.
        """
        ended = self.play(session, drill, reports / "first")
        if ended.broken and not ended.harm and len(self.again) < ONCE_MORE:
            self.again[drill.name] = ended.broken
            ended = self.play(session, drill, reports / "second")
        assert not ended.broken, ended.broken

    def summary(self) -> list[str]:
        """Name each drill that was played twice, with what its first time said."""
        return [
            f"{name} was played twice; the first time:\n{why}" for name, why in self.again.items()
        ]
