"""service.break_config: a service whose configuration would not survive its next start.

With `then: stop` it hangs and is sick; a restart would make it dead. With `then: kill` it is dead.
"""

from dataclasses import dataclass

from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab, LabError

_GARBAGE = b"this is no configuration {{{\n"
_KEPT = ".hale-lab-original"


@dataclass(frozen=True, slots=True)
class ServiceBreakConfig:
    """Garbage in a service's configuration file, then the service falls ill.

    Attributes:
        path: The configuration file; its original is kept beside it for undo.
        then: `kill` (SIGKILL once), `stop` (SIGSTOP to all) or `nothing`.
    """

    node: str
    unit: str
    path: str
    then: str = "kill"

    def inject(self, lab: Lab) -> str:
        """Break the file, then the service."""
        if self.then not in ("kill", "stop", "nothing"):
            raise LabError(f"then: '{self.then}'. Known: kill, stop, nothing")
        run(lab, self.node, ["cp", "--archive", "--no-clobber", self.path, self.path + _KEPT])
        lab.write_file(self.node, self.path, _GARBAGE)
        match self.then:
            case "kill":
                systemd.kill_main(lab, self.node, self.unit)
            case "stop":
                systemd.signal_all(lab, self.node, self.unit, "STOP")
        return f"{self.node}: garbage in {self.path}, then {self.then} {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Put the original back, let stopped processes go on, start the service."""
        kept = self.path + _KEPT
        script = '[ ! -e "$1" ] || mv --force "$1" "$2"'
        run(lab, self.node, ["/bin/sh", "-c", script, "sh", kept, self.path])
        if systemd.state(lab, self.node, self.unit) == "active":
            systemd.signal_all(lab, self.node, self.unit, "CONT")
        systemd.start_again(lab, self.node, self.unit)
