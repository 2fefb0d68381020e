"""healer.freeze_at_check: the healer freezes, and so does the gate, between a request and its effect."""

from dataclasses import dataclass

from lab.faults import sessions, systemd
from lab.faults.fault import run
from lab.ports import Lab

_UNIT = "hale-healer.service"

# The check's parent is the gate's own process for that one session; others can still be opened.
_FREEZE = """
end=$(($(date +%s) + $2))
until pid=$(pgrep --newest --full --exact "$1"); do
    [ "$(date +%s)" -lt "$end" ] || { echo "nobody ran $1 within $2 s" >&2; exit 1; }
    sleep 0.02
done
kill -STOP "$(ps -o ppid= -p "$pid")"
"""


@dataclass(frozen=True, slots=True)
class HealerFreezeAtCheck:
    """SIGSTOP to the healer and to its session at a gate, as soon as that runs a configuration check.

    What the healer asked for is then begun or refused when somebody says gate.go_on, however late that is.

    Attributes:
        node: The healer's node.
        gate: The node whose gate is watched. Let the check wait (config.hold), or it is over.
        check: The check's command line, whole.
        within: Whole seconds to wait for it.
    """

    node: str
    gate: str
    check: str
    within: str = "60"

    def inject(self, lab: Lab) -> str:
        """Wait for the check, then stop both."""
        argv = ["/bin/sh", "-c", _FREEZE, "sh", self.check, self.within]
        run(lab, self.gate, argv, timeout=float(self.within) + 15.0)
        systemd.signal_all(lab, self.node, _UNIT, "STOP")
        return f"{self.node}: SIGSTOP to the healer while {self.gate} ran {self.check}"

    def undo(self, lab: Lab) -> None:
        """Let both go on, and start the healer, should it not run."""
        sessions.go_on(lab, self.gate)
        systemd.go_on(lab, self.node, _UNIT)
