"""service.starve: a service that gets less processor time than its requests need, so it is slow."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceStarve:
    """`CPUQuota=` of a unit: what comes faster than it can be served waits in line, as in overload.

    Attributes:
        quota: Of one processor; 0.1% is 1 ms in each second, the least that the kernel gives.
    """

    node: str
    unit: str
    quota: str = "0.1%"

    def inject(self, lab: Lab) -> str:
        """Limit it until the node's next boot."""
        self._set(lab, self.quota)
        return f"{self.node}: {self.unit} gets {self.quota} of a processor"

    def undo(self, lab: Lab) -> None:
        """Lift the limit."""
        self._set(lab, "")

    def _set(self, lab: Lab, quota: str) -> None:
        argv = ["systemctl", "set-property", "--runtime", self.unit, f"CPUQuota={quota}"]
        run(lab, self.node, argv)
