"""service.unstartable: a service that cannot be started until the node boots anew."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab

_DROP_IN = "/run/systemd/system/{unit}.d/50-hale-lab-unstartable.conf"
_TEXT = b"[Service]\nExecStartPre=/bin/false\n"


@dataclass(frozen=True, slots=True)
class ServiceUnstartable:
    """A drop-in in /run fails each start, then the service is killed; a boot forgets /run."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Write the drop-in and kill the service."""
        lab.write_file(self.node, _DROP_IN.format(unit=self.unit), _TEXT)
        run(lab, self.node, ["systemctl", "daemon-reload"])
        systemd.kill_main(lab, self.node, self.unit)
        return f"{self.node}: {self.unit} killed, and cannot be started until the next boot"

    def undo(self, lab: Lab) -> None:
        """Remove the drop-in, and start the service should it not run."""
        run(lab, self.node, ["rm", "--force", _DROP_IN.format(unit=self.unit)])
        run(lab, self.node, ["systemctl", "daemon-reload"])
        systemd.start_again(lab, self.node, self.unit)
