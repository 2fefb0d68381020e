"""Software RAID, from /proc/mdstat and /sys/block/md*/md, as node_exporter's `mdadm`; and what that one leaves out.

Format: drivers/md/md.c, md_seq_show(); Documentation/admin-guide/md.rst for the files of /sys.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporter import sysfiles
from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.procfile import ProcFile


def _gauge(name: str, text: str) -> Family:
    return Family(name, Kind.GAUGE, text)


STATE = _gauge("node_md_state", "Indicates the state of md-device.")
DISKS = _gauge("node_md_disks", "Number of active/failed/spare disks of device.")
REQUIRED = _gauge("node_md_disks_required", "Total number of disks of device.")
BLOCKS = _gauge("node_md_blocks", "Total number of blocks on device.")
SYNCED = _gauge("node_md_blocks_synced", "Number of blocks synced on device.")
RAID_DISKS = _gauge("node_md_raid_disks", "Number of raid disks on device.")
DEGRADED = _gauge("node_md_degraded", "Number of degraded disks on device.")
REMOVED = _gauge(
    "hale_md_removed_disks", "Disks that the array should have and has not, not even failed ones."
)
MISMATCHES = _gauge(
    "hale_md_mismatch_sectors", "Sectors that the last check or repair found to differ."
)
SPEED = _gauge("hale_md_sync_bytes_per_second", "How fast the array is synchronised at present.")
READ_ERRORS = Family(
    "hale_md_member_read_errors_total",
    Kind.COUNTER,
    "Read errors of a member that did not cost it its place.",
)

# The values of the label `state` of node_md_state, and what each is called here.
STATES = {
    "active": "active",
    "inactive": "inactive",
    "recovering": "recovering",
    "resync": "resyncing",
    "check": "checking",
}
# The word on the line of progress, and what the array is doing then; the first that is there counts.
DOING = {
    "recovery": "recovering",
    "reshape": "reshaping",
    "check": "checking",
    "resync": "resyncing",
}
# Personalities without redundancy: nothing of theirs says how many disks are up.
PLAIN = ("raid0", "linear")
REDUNDANT = ("raid1", "raid4", "raid5", "raid6", "raid10")
# Levels of arrays that only hold others.
CONTAINERS = ("container", "imsm", "ddf")

STATUS = re.compile(r"\d+ blocks .*\[(?P<all>\d{1,9})/(?P<up>\d{1,9})\] \[[U_]+\]", re.ASCII)
PROGRESS = re.compile(r"\((?P<done>\d{1,18})/\d{1,18}\)", re.ASCII)
RATE = re.compile(r"speed=(?P<kib>\d{1,15})K/sec", re.ASCII)
# A member: its name, its number, and what is special about it.
MEMBER = re.compile(r"\S+\[\d+\](?P<flags>(?:\([A-Z]\))*)", re.ASCII)


class Array(NamedTuple):
    """One array of /proc/mdstat.

    Attributes:
        doing: `active`, `inactive`, or what is being done to it.
        required: Disks of a whole array; 0 while it is inactive.
        active: Of these, those in use.
        missing: Disks that are not there at all, not even as failed ones.
        blocks: Its size in KiB; `synced` how many of them are in order.
        speed: Bytes a second of what is being done; None while nothing moves.
    """

    name: str
    doing: str
    required: int
    active: int
    failed: int
    spare: int
    missing: int
    blocks: int
    synced: int
    speed: int | None


def parse(data: bytes) -> list[Array]:
    """Read every array.

    Raises:
        Malformed: A line is not what md writes, or the file ends within an array.
    """
    lines = data.decode("utf-8", "replace").split("\n")
    return [
        _array(row, lines[at + 1 : at + 4])
        for at, row in enumerate(lines)
        if row.strip() and row[0] != " " and not row.startswith(("Personalities :", "unused"))
    ]


def _array(row: str, below: list[str]) -> Array:
    words = row.split()
    if len(words) < 3 or len(below) < 3 or words[1] != ":":
        raise Malformed(f"mdstat: wanted an array and the lines below, saw {row[:80]!r}")
    status = below[0].split(maxsplit=1)
    if not status or (blocks := sysfiles.number(status[0])) is None:
        raise Malformed(f"mdstat: {words[0]}: wanted a number of blocks, saw {below[0][:80]!r}")
    members = [match["flags"] for match in map(MEMBER.fullmatch, words) if match]
    required, active = _counted(row, below[0], words[0])
    doing, synced, speed = _progress(below[2 if "bitmap" in below[1] else 1])
    present = sum(not any(flag in flags for flag in ("(S)", "(J)", "(R)")) for flags in members)
    return Array(
        name=words[0],
        doing=doing or words[2],
        required=required,
        active=active,
        failed=row.count("(F)"),
        spare=row.count("(S)"),
        missing=max(0, required - present),
        blocks=blocks,
        synced=blocks if synced is None else synced,
        speed=speed,
    )


def _counted(row: str, status: str, name: str) -> tuple[int, int]:
    """Return how many disks the array should have, and how many are up."""
    if any(personality in row for personality in PLAIN):
        return row.count("["), row.count("[")
    if "inactive" in row:
        return 0, 0
    match = STATUS.search(status)
    if match is None:
        raise Malformed(f"mdstat: {name}: wanted [DISKS/UP] [U_], saw {status[:80]!r}")
    return int(match["all"]), int(match["up"])


def _progress(row: str) -> tuple[str, int | None, int | None]:
    """Return what is being done, the blocks that are done, and the speed; nothing of an array at rest."""
    doing = next((name for word, name in DOING.items() if word in row), "")
    if not doing:
        return "", None, None
    if "PENDING" in row or "DELAYED" in row:
        return doing, 0, None
    done, rate = PROGRESS.search(row), RATE.search(row)
    if done is None:
        raise Malformed(f"mdstat: wanted (DONE/ALL), saw {row[:80]!r}")
    return doing, int(done["done"]), int(rate["kib"]) * 1024 if rate else None


class Mdadm(OnScrape):
    """Serves node_md_* and hale_md_*."""

    name = "mdadm"

    def __init__(self, mdstat: ProcFile, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            mdstat: /proc/mdstat.
            sysfs: Where /sys is.
        """
        self._mdstat = mdstat
        self._block = sysfs / "block"

    def collect(self) -> bytes:
        """Read /proc/mdstat, and the files of each array."""
        arrays = parse(self._mdstat.read())
        folders = sysfiles.entries(self._block, "md.*")
        found = [
            *(one for array in arrays for one in _of_array(array)),
            *(one for folder in folders for one in _of_folder(folder)),
        ]
        if not found:
            raise Absent("mdadm: there is no array")
        return written(found)


def _of_array(array: Array) -> Iterator[Sample]:
    device = array.name
    yield sample(REQUIRED, array.required, device=device)
    for state, count in (
        ("active", array.active),
        ("failed", array.failed),
        ("spare", array.spare),
    ):
        yield sample(DISKS, count, device=device, state=state)
    for state, doing in STATES.items():
        yield sample(STATE, array.doing == doing, device=device, state=state)
    yield sample(BLOCKS, array.blocks, device=device)
    yield sample(SYNCED, array.synced, device=device)
    yield sample(REMOVED, array.missing, device=device)
    if array.speed is not None:
        yield sample(SPEED, array.speed, device=device)


def _of_folder(folder: Path) -> Iterator[Sample]:
    device, md = folder.name, folder / "md"
    level = sysfiles.text(md / "level")
    if level is None:  # /sys/block/md* of an array that is just going
        return
    disks = sysfiles.text(md / "raid_disks") if level not in ("", *CONTAINERS) else None
    # While it grows: "11 (10)".
    if disks and (count := sysfiles.number(disks.split()[0])) is not None:
        yield sample(RAID_DISKS, count, device=device)
    degraded = sysfiles.whole(md / "degraded") if level in REDUNDANT else 0
    if degraded is not None:
        yield sample(DEGRADED, degraded, device=device)
    if (mismatches := sysfiles.whole(md / "mismatch_cnt")) is not None:
        yield sample(MISMATCHES, mismatches, device=device)
    for member in sysfiles.entries(md, "dev-.+"):
        if (errors := sysfiles.whole(member / "errors")) is not None:
            yield sample(
                READ_ERRORS, errors, device=device, member=member.name.removeprefix("dev-")
            )
