#!/usr/bin/python3
"""An agent of fence-agents' protocol for the lab's power controller; it runs on a node, by itself.

Options come on standard input as name=value lines: ip, ipport, plug, passwd and action. `status` ends with 0 for on
and 2 for off, everything that fails with 1 (ClusterLabs fence-agents, doc/FenceAgentAPI.md).
"""

import http
import http.client
import sys
from collections.abc import Mapping

PORT = "9598"
SECONDS = 120.0
OFF_STATUS = 2


def main() -> int:
    """Do what standard input asks for; return the exit status."""
    told = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    action = told.get("action", "")
    if action == "metadata":
        print('<resource-agent name="fence_lab" shortdesc="The power controller of a lab"/>')
        return 0
    if action not in ("on", "off", "status"):
        print(f"Failed: Unrecognised action '{action}'", file=sys.stderr)
        return 1
    try:
        state = _ask(told, None if action == "status" else action)
    except (OSError, http.client.HTTPException) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    if action != "status":
        print(f"Success: Powered {action.upper()}")
        return 0
    print(f"Status: {state.upper()}")
    return {"on": 0, "off": OFF_STATUS}.get(state, 1)


def _ask(told: Mapping[str, str], action: str | None) -> str:
    connection = http.client.HTTPConnection(
        told.get("ip", ""), int(told.get("ipport", PORT)), timeout=SECONDS
    )
    try:
        method = "GET" if action is None else "POST"
        shown = {"Authorization": f"Bearer {told.get('passwd', '')}"}
        connection.request(method, f"/{told.get('plug', '')}", action, shown)
        answer = connection.getresponse()
        said = answer.read(200).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"the controller says {answer.status}: {said}")
    return said


if __name__ == "__main__":
    sys.exit(main())
