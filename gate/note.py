"""One line in the system's journal about what a person did at a terminal, where standard error goes to nobody."""

import json
import socket

WIRE = "/dev/log"
"""syslog(3)'s socket, which journald reads."""

AUTHPRIV, WARNING = 10, 4
PATIENCE = 2.0  # seconds


def note(event: str, wire: str = WIRE, **values: object) -> bool:
    """Write `event {values}`, quoted as gate.log does; return whether the journal took it."""
    line = f"<{AUTHPRIV * 8 + WARNING}>hale-gate: {event} {json.dumps(values, default=str)}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as log:
            log.settimeout(PATIENCE)
            log.connect(wire)
            log.send(line.encode())
    except OSError:
        return False
    return True
