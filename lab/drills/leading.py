"""Which of several healers leads, and how another one comes to. It takes graceful stops and nothing else."""

import time
from collections.abc import Sequence

from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab, LabError

UNIT = "hale-healer.service"
_WITHIN = 40.0
_METRICS = ["curl", "--silent", "--max-time", "2", "http://127.0.0.1:9595/metrics"]


def leads(lab: Lab, node: str) -> bool:
    """Tell whether the healer on a node says that it leads."""
    lines = lab.exec(node, _METRICS).stdout.splitlines()
    return "healer_leader 1.0" in lines


def let_lead(lab: Lab, healers: Sequence[str], node: str) -> None:
    """Have the healer on one node lead, the others standing by.

    Raises:
        LabError: There is none on that node, or it does not lead in time.
    """
    if node not in healers:
        raise LabError(f"given.leader: {node} has no healer. Known: {', '.join(healers)}")
    if leads(lab, node):
        return
    others = [one for one in healers if one != node]
    systemd.start_again(lab, node, UNIT)
    for other in others:
        run(lab, other, ["systemctl", "stop", UNIT], timeout=60.0)
    deadline = time.monotonic() + _WITHIN
    while not leads(lab, node):
        if time.monotonic() > deadline:
            raise LabError(f"{node}: its healer does not lead after {_WITHIN:.0f} s alone")
        time.sleep(0.2)
    for other in others:
        systemd.start_again(lab, other, UNIT)
