"""node.reboot: somebody reboots a node from inside, in order."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodeReboot:
    """`systemctl reboot`, waited for until the node is up again."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Reboot it."""
        lab.reboot(self.node)
        return f"{self.node}: rebooted from inside"

    def undo(self, lab: Lab) -> None:
        """Boot it, should it be off."""
        lab.power_on(self.node)
