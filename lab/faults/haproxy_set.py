"""haproxy.set: a person sets a server's state through HAProxy's own socket, past Hale's gate."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

_SET = """
import socket, sys
with socket.socket(socket.AF_UNIX) as admin:
    admin.settimeout(5)
    admin.connect(sys.argv[1])
    admin.sendall(f"set server {sys.argv[2]} state {sys.argv[3]}\\n".encode())
    said = admin.recv(4096).decode().strip()
sys.exit(said or 0)
"""
_STATES = ("ready", "drain", "maint")


@dataclass(frozen=True, slots=True)
class HaproxySet:
    """`set server POOL/MEMBER state STATE`.

    Attributes:
        server: As `web/web1`.
        state: `ready`, `drain` or `maint`.
        socket: HAProxy's, with level admin.
    """

    node: str
    server: str
    state: str = "drain"
    socket: str = "/run/haproxy/admin.sock"

    def inject(self, lab: Lab) -> str:
        """Set it."""
        if self.state not in _STATES:
            raise LabError(f"state: '{self.state}'. Known: {', '.join(_STATES)}")
        self._set(lab, self.state)
        return f"{self.node}: {self.server} set to {self.state} through HAProxy's socket"

    def undo(self, lab: Lab) -> None:
        """Make it ready, and let go of the mark that Hale's gate may have made of it."""
        run(lab, self.node, ["hale-gate", "return", "--all", self.server])

    def _set(self, lab: Lab, state: str) -> None:
        run(lab, self.node, ["/usr/bin/python3", "-c", _SET, self.socket, self.server, state])
