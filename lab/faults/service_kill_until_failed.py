"""service.kill_until_failed: killed as often as systemd restarts it, until systemd gives up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceKillUntilFailed:
    """SIGKILL to the main process of a unit until its ActiveState is failed.

    Attributes:
        also: More nodes whose unit of that name is killed at the same time. A step for each would
            kill them one after the other, seconds apart, and a healer would be through with the first.
    """

    node: str
    unit: str
    also: tuple[str, ...] = ()

    def inject(self, lab: Lab) -> str:
        """Kill it until it stays down."""
        nodes = (self.node, *self.also)
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: systemd.kill_until_failed(lab, node, self.unit), nodes))
        return f"{', '.join(nodes)}: {self.unit} killed until systemd gave up"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        for node in (self.node, *self.also):
            systemd.start_again(lab, node, self.unit)
