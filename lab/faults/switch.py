"""What faults do to the switch between nodes. Rule: one table of nft, found again by its name."""

from collections.abc import Sequence

from lab.ports import Lab, LabError

_TABLE = "hale_lab_switch"
_SIDES = {"prerouting": "iifname", "postrouting": "oifname"}


def cut(lab: Lab, nodes: Sequence[str]) -> None:
    """Drop every frame from and to some nodes, all in the same instant; their links stay up.

    Raises:
        LabError: It could not be done; nothing is cut.
    """
    ports = ", ".join(lab.port(node) for node in nodes)
    lines = [f"add table bridge {_TABLE}", f"flush table bridge {_TABLE}"]
    for hook, side in _SIDES.items():
        chain = f"bridge {_TABLE} {hook}"
        lines.append(f"add chain {chain} {{ type filter hook {hook} priority 0; }}")
        lines.append(f"add rule {chain} {side} {{ {ports} }} drop")
    _nft(lab, lines)


def split(lab: Lab, here: Sequence[str], there: Sequence[str]) -> None:
    """Drop every frame between two sides, all in the same instant; whoever is on neither hears both.

    Raises:
        LabError: It could not be done; nothing is split.
    """
    sides = [", ".join(lab.port(node) for node in nodes) for nodes in (here, there)]
    chain = f"bridge {_TABLE} forward"
    lines = [f"add table bridge {_TABLE}", f"flush table bridge {_TABLE}"]
    lines.append(f"add chain {chain} {{ type filter hook forward priority 0; }}")
    for one, other in (sides, sides[::-1]):
        lines.append(f"add rule {chain} iifname {{ {one} }} oifname {{ {other} }} drop")
    _nft(lab, lines)


def mend(lab: Lab) -> None:
    """Let all frames pass again, also where none was kept back.

    Raises:
        LabError: They do not pass.
    """
    _nft(lab, [f"add table bridge {_TABLE}", f"delete table bridge {_TABLE}"])


def _nft(lab: Lab, lines: Sequence[str]) -> None:
    done = lab.host_exec(["nft", "--file", "-"], input="\n".join(lines).encode())
    if done.code != 0:
        raise LabError(f"nft: {'; '.join(lines)}: {done.stderr.strip()[-300:]}")
