"""alert.forge: someone who reaches Alertmanager posts an alert for which there is no ground."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

_ALERTMANAGER = "http://127.0.0.1:9093"


@dataclass(frozen=True, slots=True)
class AlertForge:
    """An alert posted straight to Alertmanager's API v2 by its own amtool.

    Attributes:
        node: The node whose Alertmanager is posted to.
        labels: `name=value` each; without alertname it is a mistake.
    """

    node: str
    labels: tuple[str, ...]

    def inject(self, lab: Lab) -> str:
        """Post it."""
        if not any(label.startswith("alertname=") for label in self.labels):
            raise LabError("alert.forge: labels hold no alertname=...; Alertmanager wants one")
        run(lab, self.node, ["amtool", "alert", "add", self._where, *self.labels])
        return f"{self.node}: forged {' '.join(self.labels)}"

    def undo(self, lab: Lab) -> None:
        """End it, by the node's own clock."""
        now = run(lab, self.node, ["date", "--utc", "+%Y-%m-%dT%H:%M:%SZ"]).stdout.strip()
        argv = ["amtool", "alert", "add", self._where, f"--end={now}", *self.labels]
        run(lab, self.node, argv)

    @property
    def _where(self) -> str:
        return f"--alertmanager.url={_ALERTMANAGER}"
