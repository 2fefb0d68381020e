"""store.cut: a node and the etcd on the others hear nothing of each other; all else passes."""

from dataclasses import dataclass

from lab.faults import storeway
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class StoreCut:
    """What goes to or comes from etcd's two ports over the network is lost on this node.

    Its own member has no peers then, and its healer no member that knows a leader.
    """

    node: str

    def inject(self, lab: Lab) -> str:
        """Cut it off."""
        storeway.cut(lab, self.node)
        return f"{self.node}: cut off from etcd on other nodes"

    def undo(self, lab: Lab) -> None:
        """Mend it."""
        storeway.mend(lab, self.node)
