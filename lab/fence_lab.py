#!/usr/bin/python3
"""An agent of fence-agents' protocol for the lab's power controller; it runs on a node, by itself.

Options come on standard input as name=value lines: ip, ipport, plug, passwd or passwd_script, and action. `status` ends
with 0 for on and 2 for off, everything that fails with 1; `monitor` asks for no plug, only for an answer (ClusterLabs
fence-agents, doc/FenceAgentAPI.md).
"""

import http
import http.client
import subprocess
import sys
from collections.abc import Mapping

PORT = "9598"
SECONDS = 120.0
OFF_STATUS = 2
SWITCHES = {"on": ("on",), "off": ("off",), "reboot": ("off", "on")}
LOOKS = ("status", "monitor")
SUCCESS = {
    "on": "Success: Powered ON",
    "off": "Success: Powered OFF",
    "reboot": "Success: Rebooted",
    "monitor": "Success: it answers",
}
OPTIONS = ("ip", "ipport", "plug", "passwd", "passwd_script")


def main() -> int:
    """Do what standard input asks for; return the exit status."""
    told = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    action = told.get("action", "")
    if action == "metadata":
        print(_metadata())
        return 0
    if action not in SWITCHES and action not in LOOKS:
        print(f"Failed: Unrecognised action '{action}'", file=sys.stderr)
        return 1
    try:
        plug = "" if action == "monitor" else told.get("plug", "")
        said = [_ask(told, plug, word) for word in SWITCHES.get(action, (None,))]
    except (OSError, subprocess.SubprocessError, http.client.HTTPException) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    if action != "status":
        print(SUCCESS[action])
        return 0
    print(f"Status: {said[-1].upper()}")
    return {"on": 0, "off": OFF_STATUS}.get(said[-1], 1)


def _metadata() -> str:
    """Say to Pacemaker what it may ask for; it gives a node's name as `plug`."""
    kind = '<content type="string"/>'
    parameters = "".join(f'<parameter name="{one}">{kind}</parameter>' for one in OPTIONS)
    actions = "".join(f'<action name="{one}"/>' for one in (*SWITCHES, *LOOKS, "metadata"))
    return (
        '<?xml version="1.0"?>\n'
        '<resource-agent name="fence_lab" shortdesc="The power controller of a lab">'
        f"<parameters>{parameters}</parameters><actions>{actions}</actions></resource-agent>"
    )


def _ask(told: Mapping[str, str], plug: str, action: str | None) -> str:
    connection = http.client.HTTPConnection(
        told.get("ip", ""), int(told.get("ipport", PORT)), timeout=SECONDS
    )
    try:
        method = "GET" if action is None else "POST"
        shown = {"Authorization": f"Bearer {_secret(told)}"}
        connection.request(method, f"/{plug}", action, shown)
        answer = connection.getresponse()
        said = answer.read(200).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"the controller says {answer.status}: {said}")
    return said


def _secret(told: Mapping[str, str]) -> str:
    """Return the secret, or what the script says that keeps it out of Pacemaker's configuration."""
    if "passwd_script" not in told:
        return told.get("passwd", "")
    done = subprocess.run(
        [told["passwd_script"]], stdout=subprocess.PIPE, text=True, timeout=5, check=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
