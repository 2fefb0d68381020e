"""The nodes' network: a namespace with one bridge, no way out, and a table for faults.

The bridge's own address is the lab host's. Everything goes when the namespace does.
"""

import json
from dataclasses import dataclass

from lab.commands import completed, run
from lab.names import Place
from lab.ports import HOST_ADDRESS, LabError

BRIDGE = "br0"
TABLE = "lab"
"""nft table of family bridge whose chain `hub` sees every frame between two nodes."""

_HUB = "{ type filter hook forward priority 0; policy accept; }"
_LONGEST = 15
"""IFNAMSIZ - 1: Linux gives a longer name of a port to an alternative name (nspawn shortens)."""


@dataclass(frozen=True, slots=True)
class Network:
    """The network of one lab."""

    place: Place

    def make(self) -> None:
        """Make the namespace, the bridge and the fault table.

        Raises:
            LabError: The kernel lacks bridges or nftables; `remains.remove` takes back what is there.
        """
        self.place.namespace.touch()
        run("unshare", f"--net={self.place.namespace}", "true")
        bridge = ("type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        for command in (
            ("ip", "link", "set", "lo", "up"),
            ("ip", "link", "add", BRIDGE, *bridge),
            ("ip", "addr", "add", f"{HOST_ADDRESS}/24", "dev", BRIDGE),
            ("ip", "link", "set", BRIDGE, "up"),
            ("nft", "add", "table", "bridge", TABLE),
            ("nft", f"add chain bridge {TABLE} hub {_HUB}"),
        ):
            run(*self.inside(*command))

    def inside(self, *argv: str) -> list[str]:
        """Return a command line that runs `argv` in the namespace.

        Not `ip netns exec`: that mounts another /sys, and nspawn needs the real one.
        """
        return ["nsenter", f"--net={self.place.namespace}", "--", *argv]

    def port(self, node: str) -> str:
        """Return the name of a node's port.

        Raises:
            LabError: The node has no port, since it is off.
        """
        wanted = f"vb-{self.place.machine(node)}"
        done = completed(self.inside("ip", "-json", "link", "show", "master", BRIDGE), timeout=10)
        name = find_port(done.stdout, wanted) if done.code == 0 else None
        if name is None:
            raise LabError(f"{node}: has no port on {BRIDGE}; is it powered on?")
        return name

    def plug(self, node: str, *, plugged: bool) -> None:
        """Set a node's port up or down; the node sees its carrier come or go."""
        state = "up" if plugged else "down"
        run(*self.inside("ip", "link", "set", self.port(node), state))


def find_port(links: str, wanted: str) -> str | None:
    """Return the interface that is called `wanted`, itself or as an alternative name.

    Args:
        links: What `ip -json link show` wrote.
        wanted: The name that nspawn would give, were it not too long.
    """
    for link in json.loads(links or "[]"):
        names = (link.get("ifname"), *link.get("altnames", ()))
        if wanted in names or wanted[:_LONGEST] in names:
            return str(link["ifname"])
    return None
