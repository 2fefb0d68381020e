"""Resources of DRBD 9, under the names of ha_cluster_exporter, and how each of their connections stands.

DRBD 9 tells its state to drbdsetup alone. Of a split brain it keeps none: a handler of the administrator leaves a file,
as that exporter wants it, and that a connection stands alone is told here in any case.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.gathered import Sample, sample, written
from exporter.programs import Ended

STATUS = ("drbdsetup", "status", "--json")
DEADLINE = 10.0  # seconds
KIB = 1024

# ha_cluster_exporter, collector/drbd/drbd.go.
PREFIX = "ha_cluster_drbd_"


def _gauge(name: str, text: str) -> Family:
    return Family(PREFIX + name, Kind.GAUGE, text)


RESOURCES = _gauge("resources", "The DRBD resources; 1 line per name, per volume")
CONNECTIONS = _gauge(
    "connections", "The DRBD resource connections; 1 line per per resource, per peer_node_id"
)
SPLIT = _gauge(
    "split_brain", "Whether a split brain has been detected; 1 line per resource, per volume."
)
# By the names that drbdsetup.c has for them (drbd-utils, user/v9).
OF_DEVICE = {
    "written": _gauge("written", "KiB written to DRBD; 1 line per res, per volume"),
    "read": _gauge("read", "KiB read from DRBD; 1 line per res, per volume"),
    "al-writes": _gauge("al_writes", "Writes to activity log; 1 line per res, per volume"),
    "bm-writes": _gauge("bm_writes", "Writes to bitmap; 1 line per res, per volume"),
    "upper-pending": _gauge("upper_pending", "Upper pending; 1 line per res, per volume"),
    "lower-pending": _gauge("lower_pending", "Lower pending; 1 line per res, per volume"),
    "quorum": _gauge("quorum", "Quorum status per resource and per volume"),
}
OF_PEER = {
    "percent-in-sync": _gauge(
        "connections_sync", "The in sync percentage value for DRBD resource connections"
    ),
    "received": _gauge("connections_received", "KiB received per connection"),
    "sent": _gauge("connections_sent", "KiB sent per connection"),
    "pending": _gauge("connections_pending", "Pending value per connection"),
    "unacked": _gauge("connections_unacked", "Unacked value per connection"),
}
STATE = Family(
    "hale_drbd_connection_state_info", Kind.GAUGE, "How a connection to a peer stands; 1."
)
BEHIND = Family(
    "hale_drbd_out_of_sync_bytes", Kind.GAUGE, "What differs between a volume here and at a peer."
)

HOOK = re.compile(r"drbd-split-brain-detected-([\w-]+)-([\w-]+)")


class Runs(Protocol):
    """Runs a program, as `Programs` does."""

    async def run(self, argv: tuple[str, ...], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class Drbd9:
    """Serves ha_cluster_drbd_* and hale_drbd_*."""

    name = "drbd9"
    interval = 15.0
    deadline = 12.0

    def __init__(self, programs: Runs, sysfs: Path, hooks: Path) -> None:
        """Ask nothing yet.

        Args:
            programs: Runs drbdsetup.
            sysfs: Where /sys is seen from here.
            hooks: Where a split-brain handler leaves its files.
        """
        self._programs = programs
        self._version = sysfs / "module/drbd/version"
        self._hooks = hooks

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask once.

        Raises:
            Absent: DRBD 9 is not loaded, or drbdsetup not here, which would load it.
            Malformed: It refuses, or says what cannot be understood.
            OSError: It cannot be run.
        """
        try:
            version = beginning(self._version, 64).decode("utf-8", "replace")
        except FileNotFoundError:
            raise Absent("DRBD is not loaded") from None
        if version.startswith("8."):
            raise Absent("this is DRBD 8, of which the collector drbd tells")
        ended = await self._programs.run(STATUS, DEADLINE)
        if ended.status:
            said = ended.errors[:200].decode("utf-8", "replace").strip()
            raise Malformed(f"drbdsetup: exit status {ended.status}: {said}")
        publish(written([*of_status(ended.output), *split_brains(self._hooks)]))


def of_status(document: bytes) -> Iterator[Sample]:
    """Yield what `drbdsetup status --json` says.

    Raises:
        Malformed: It is not that, or a number is none.
    """
    try:
        resources = json.loads(document)
        for resource in resources:
            yield from _of_resource(resource)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise Malformed(f"drbdsetup: not its status: {error}; saw {document[:60]!r}") from error


def _of_resource(resource: Mapping[str, Any]) -> Iterator[Sample]:
    name = str(resource["name"])
    for device in resource.get("devices", ()):
        labels = {"resource": name, "volume": str(device["volume"])}
        disk = str(device["disk-state"]).lower()
        yield sample(RESOURCES, 1, **labels, role=str(resource["role"]), disk_state=disk)
        yield from _numbers(OF_DEVICE, device, labels)
    for peer in resource.get("connections", ()):
        node = str(peer["peer-node-id"])
        state = {"peer": str(peer.get("name", "")), "state": str(peer["connection-state"])}
        yield sample(STATE, 1, resource=name, peer_node_id=node, **state)
        for device in peer.get("peer_devices", ()):
            labels = {"resource": name, "peer_node_id": node, "volume": str(device["volume"])}
            disk, role = str(device["peer-disk-state"]).lower(), str(peer["peer-role"])
            yield sample(CONNECTIONS, 1, **labels, peer_role=role, peer_disk_state=disk)
            yield from _numbers(OF_PEER, device, labels)
            if "out-of-sync" in device:
                yield sample(BEHIND, KIB * _number(device["out-of-sync"]), **labels)


def _numbers(
    families: Mapping[str, Family], said: Mapping[str, Any], labels: Mapping[str, str]
) -> Iterator[Sample]:
    for key, family in families.items():
        if key in said:
            yield sample(family, _number(said[key]), **labels)


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"wanted a number, saw {str(value)[:40]!r}")
    return value


def split_brains(hooks: Path) -> Iterator[Sample]:
    """Yield the split brains of which a handler has left a file."""
    try:
        names = sorted(file.name for file in hooks.iterdir())
    except OSError:  # there is no such handler
        return
    for name in names:
        match = HOOK.match(name)
        if match:
            yield sample(SPLIT, 1, resource=match[1], volume=match[2])
