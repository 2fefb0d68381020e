"""service.break_config: a service whose configuration would not survive its next start.

With `then: stop` it hangs and is sick; a restart would make it dead. With `then: kill` it is dead.
"""

from dataclasses import dataclass

from lab.faults import original, systemd
from lab.ports import Lab, LabError

_GARBAGE = b"this is no configuration {{{\n"


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
        original.replace(lab, self.node, self.path, _GARBAGE)
        match self.then:
            case "kill":
                systemd.kill_main(lab, self.node, self.unit)
            case "stop":
                systemd.signal_all(lab, self.node, self.unit, "STOP")
        return f"{self.node}: garbage in {self.path}, then {self.then} {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Put the original back, let stopped processes go on, start the service."""
        original.put_back(lab, self.node, self.path)
        systemd.go_on(lab, self.node, self.unit)
