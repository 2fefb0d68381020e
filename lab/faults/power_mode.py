"""power.mode: the lab's power controller obeys, refuses, hangs or lies, until the end of the drill."""

from dataclasses import dataclass

from lab.ports import Lab
from lab.power import OBEYS


@dataclass(frozen=True, slots=True)
class PowerMode:
    """What the controller does when it is asked to switch; what it says of the power stays true.

    Attributes:
        node: Any; the controller stands outside of all of them.
        mode: obeys, refuses, hangs or lies.
    """

    node: str
    mode: str

    def inject(self, lab: Lab) -> str:
        """Have it behave like that."""
        lab.power_controller(self.mode)
        return f"the power controller {self.mode}"

    def undo(self, lab: Lab) -> None:
        """Have it obey."""
        lab.power_controller(OBEYS)
