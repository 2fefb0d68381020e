"""node.slow_boot: a node whose next boots take their time until the network is there."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

_DROP_IN = "/etc/systemd/system/systemd-networkd.service.d/50-hale-lab-slow-boot.conf"
_TEXT = "[Service]\nExecStartPre=/bin/sleep {seconds}\n"


@dataclass(frozen=True, slots=True)
class NodeSlowBoot:
    """A drop-in in /etc, which outlives a boot, sleeps before the network: so long nobody reaches the node.

    Attributes:
        seconds: How long.
    """

    node: str
    seconds: str = "15"

    def inject(self, lab: Lab) -> str:
        """Write the drop-in. The network that is up stays up."""
        if not self.seconds.isdecimal():
            raise LabError(f"seconds: '{self.seconds}', not a whole number")
        lab.write_file(self.node, _DROP_IN, _TEXT.format(seconds=self.seconds).encode())
        run(lab, self.node, ["systemctl", "daemon-reload"])
        return f"{self.node}: a boot takes {self.seconds} s more"

    def undo(self, lab: Lab) -> None:
        """Remove it."""
        run(lab, self.node, ["rm", "--force", _DROP_IN])
        run(lab, self.node, ["systemctl", "daemon-reload"])
