"""service.mend_config: a person repairs what service.break_config broke, and starts the service."""

from dataclasses import dataclass

from lab.faults import original, systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceMendConfig:
    """The original file is back and the service runs."""

    node: str
    unit: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Repair it."""
        original.put_back(lab, self.node, self.path)
        systemd.go_on(lab, self.node, self.unit)
        return f"{self.node}: a person repaired {self.path} and started {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
