"""One step of an admission, as it is shown: what it has, what it needs, and the word of its refusal."""

from dataclasses import dataclass

from healer.shapes.upkeep import StepView


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that has to be so before a node comes back.

    Attributes:
        name: For people.
        reason: The word of the refusal where it is not so; empty where it is.
    """

    name: str
    have: str
    need: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: has {self.have}, needs {self.need}"

    def shown(self) -> StepView:
        """Return it for an answer."""
        return StepView(step=self.name, have=self.have, need=self.need, reason=self.reason)
