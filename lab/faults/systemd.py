"""What faults do to units, by systemctl on the node.

Rule: everything here is bounded in time, and starting again is safe to do twice.
"""

from lab.faults.fault import run
from lab.ports import Lab, LabError

_KILL_UNTIL_FAILED = """
end=$(($(date +%s) + $2))
while [ "$(date +%s)" -lt "$end" ]; do
    [ "$(systemctl show -P ActiveState "$1")" = failed ] && exit 0
    pid=$(systemctl show -P MainPID "$1")
    [ "${pid:-0}" -gt 0 ] && kill -KILL "$pid" 2>/dev/null
    sleep 0.05
done
exit 1
"""

_START_AGAIN = """
[ "$(systemctl show -P ActiveState "$1")" = active ] && exit 0
systemctl reset-failed "$1" 2>/dev/null
exec systemctl start "$1"
"""


def state(lab: Lab, node: str, unit: str) -> str:
    """Return the unit's ActiveState."""
    return run(lab, node, ["systemctl", "show", "-P", "ActiveState", unit]).stdout.strip()


def kill_main(lab: Lab, node: str, unit: str) -> int:
    """Send SIGKILL to the unit's main process and return its process id.

    Raises:
        LabError: It has no main process; nothing was changed.
    """
    text = run(lab, node, ["systemctl", "show", "-P", "MainPID", unit]).stdout.strip()
    if not text.isdecimal() or int(text) == 0:
        raise LabError(f"{node}: {unit} has no main process to kill; is it running?")
    run(lab, node, ["kill", "-KILL", text])
    return int(text)


def signal_all(lab: Lab, node: str, unit: str, signal: str) -> None:
    """Send a signal, such as STOP, to every process of the unit."""
    run(lab, node, ["systemctl", "kill", f"--signal={signal}", "--kill-whom=all", unit])


def kill_until_failed(lab: Lab, node: str, unit: str, seconds: int = 60) -> None:
    """Kill the unit's main process again and again until systemd gives up on it.

    Raises:
        LabError: systemd still restarted it after `seconds`; it may be up or down.
    """
    script = ["/bin/sh", "-c", _KILL_UNTIL_FAILED, "sh", unit, str(seconds)]
    done = lab.exec(node, script, timeout=seconds + 15.0)
    if done.code != 0:
        raise LabError(
            f"{node}: {unit} is not failed after {seconds} s of killing; "
            "wanted a start limit (StartLimitBurst=) that lets systemd give up"
        )


def start_again(lab: Lab, node: str, unit: str) -> None:
    """Start the unit if it does not run, even where systemd had given up on it."""
    run(lab, node, ["/bin/sh", "-c", _START_AGAIN, "sh", unit], timeout=90.0)


def go_on(lab: Lab, node: str, unit: str) -> None:
    """Let what is stopped go on, and start the unit, should it not run."""
    if state(lab, node, unit) == "active":
        signal_all(lab, node, unit, "CONT")
    start_again(lab, node, unit)
