"""node.ask_lock: a node asks the healer for a reboot lock, as Zincati does, and gets it or not."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

# Run on the node, so that the request comes from its own address, with the id that systemd derives for Zincati.
_ASK = """\
import json, subprocess, sys, urllib.error, urllib.request
application = "--app-specific=de35106b6ec24688b63afddaa156679b"
found = subprocess.run(["systemd-id128", "machine-id", application], capture_output=True, text=True, check=True)
body = {"client_params": {"id": found.stdout.strip(), "group": "default"}}
asked = urllib.request.Request(sys.argv[1], json.dumps(body).encode(), {"fleet-lock-protocol": "true"})
try:
    print(urllib.request.urlopen(asked, timeout=60).status)
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["kind"])
"""


@dataclass(frozen=True, slots=True)
class NodeAskLock:
    """`POST /v1/pre-reboot` from a node.

    Attributes:
        healer: The port that it asks, as HOST:PORT.
        wants: The answer that there has to be: `200`, or a status and the error's kind, as `409 locked_nearby`.
    """

    node: str
    healer: str
    wants: str = "200"

    def inject(self, lab: Lab) -> str:
        """Ask."""
        said = self._post(lab, "pre-reboot")
        if said != self.wants:
            raise LabError(f"{self.node}: pre-reboot was answered {said}, wanted {self.wants}")
        return f"{self.node}: it asked for a reboot lock and was answered {said}"

    def undo(self, lab: Lab) -> None:
        """Say that it is well, which gives back what it has."""
        self._post(lab, "steady-state")

    def _post(self, lab: Lab, what: str) -> str:
        url = f"http://{self.healer}/v1/{what}"
        return run(
            lab, self.node, ["/usr/bin/python3", "-c", _ASK, url], timeout=90.0
        ).stdout.strip()
