"""service.slow_start: a service that takes its time to start."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

_DROP_IN = "/run/systemd/system/{unit}.d/50-hale-lab-slow-start.conf"
_TEXT = "[Service]\nExecStartPre=/bin/sleep {seconds}\n"


@dataclass(frozen=True, slots=True)
class ServiceSlowStart:
    """A drop-in in /run that sleeps before each start.

    Attributes:
        seconds: How long.
    """

    node: str
    unit: str
    seconds: str = "4"

    def inject(self, lab: Lab) -> str:
        """Write the drop-in."""
        if not self.seconds.isdecimal():
            raise LabError(f"seconds: '{self.seconds}', not a whole number")
        text = _TEXT.format(seconds=self.seconds)
        lab.write_file(self.node, _DROP_IN.format(unit=self.unit), text.encode())
        run(lab, self.node, ["systemctl", "daemon-reload"])
        return f"{self.node}: {self.unit} takes {self.seconds} s to start"

    def undo(self, lab: Lab) -> None:
        """Remove it."""
        run(lab, self.node, ["rm", "--force", _DROP_IN.format(unit=self.unit)])
        run(lab, self.node, ["systemctl", "daemon-reload"])
