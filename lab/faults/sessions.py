"""The sessions of a gate, as the processes that they are."""

from lab.ports import Lab

_ALL = ["--kill-whom=all", "hale-gate@*.service"]


def go_on(lab: Lab, node: str) -> None:
    """Let every session that stands still go on; there may be none, and then systemctl says no."""
    lab.exec(node, ["systemctl", "kill", "--signal=CONT", *_ALL])
