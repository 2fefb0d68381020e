"""The way to etcd, as a node's own packet filter has it. Rule: one table of nft, found again by its name."""

from lab.faults.fault import run
from lab.ports import Lab

_TABLE = "hale_lab_store"
_PORTS = "{ 2379, 2380 }"


def cut(lab: Lab, node: str) -> None:
    """Lose what goes to or comes from etcd's ports, but for what stays on the node.

    Raises:
        LabError: It could not be done; nothing is cut.
    """
    lines = [f"add table inet {_TABLE}", f"flush table inet {_TABLE}"]
    for hook, side in (("input", "iifname"), ("output", "oifname")):
        chain = f"inet {_TABLE} {hook}"
        lines.append(f"add chain {chain} {{ type filter hook {hook} priority 0; }}")
        lines += [
            f'add rule {chain} {side} != "lo" tcp {end} {_PORTS} drop' for end in ("sport", "dport")
        ]
    _nft(lab, node, lines)


def mend(lab: Lab, node: str) -> None:
    """Let everything pass again, also where nothing was kept back.

    Raises:
        LabError: It does not pass.
    """
    _nft(lab, node, [f"add table inet {_TABLE}", f"delete table inet {_TABLE}"])


def _nft(lab: Lab, node: str, lines: list[str]) -> None:
    run(lab, node, ["nft", "; ".join(lines)])
