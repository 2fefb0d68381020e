"""exporter.kill: the node is well, but nobody hears of it any more."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab

_UNIT = "hale-exporter.service"


@dataclass(frozen=True, slots=True)
class ExporterKill:
    """SIGKILL to the exporter until systemd gives up on it."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Kill it until it stays down."""
        systemd.kill_until_failed(lab, self.node, _UNIT)
        return f"{self.node}: {_UNIT} killed until systemd gave up"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, _UNIT)
