"""What is known of a disk besides its counters, as node_exporter's node_disk_*info and node_disk_ata_*."""

import math
from collections.abc import Mapping, Sequence

from exporter.exposition import Family, Kind, block, line
from exporter.rotation import Rotation
from exporter.udev import Udev

INFO = Family("node_disk_info", Kind.GAUGE, "Info of /sys/block/<block_device>.")
FILESYSTEM = Family("node_disk_filesystem_info", Kind.GAUGE, "Info about disk filesystem.")
MAPPER = Family("node_disk_device_mapper_info", Kind.GAUGE, "Info about disk device mapper.")
ATA = {
    "ID_ATA_ROTATION_RATE_RPM": Family(
        "node_disk_ata_rotation_rate_rpm",
        Kind.GAUGE,
        "ATA disk rotation rate in RPMs (0 for SSDs).",
    ),
    "ID_ATA_WRITE_CACHE": Family(
        "node_disk_ata_write_cache", Kind.GAUGE, "ATA disk has a write cache."
    ),
    "ID_ATA_WRITE_CACHE_ENABLED": Family(
        "node_disk_ata_write_cache_enabled",
        Kind.GAUGE,
        "ATA disk has its write cache enabled.",
    ),
}

Known = tuple[str, str, Mapping[str, str], str]


class DiskInfo:
    """Writes the blocks anew only when something about a disk has changed."""

    def __init__(self, udev: Udev, rotation: Rotation) -> None:
        self._udev = udev
        self._rotation = rotation
        self._known: list[Known] = []
        self._blocks = b""

    def blocks(self, disks: Sequence[tuple[str, str]]) -> bytes:
        """Return the series of these disks, each given by its name and its MAJOR:MINOR."""
        rotating = self._rotation.of([name for name, _ in disks])
        known = [
            (name, number, self._udev.properties(number), turns)
            for (name, number), turns in zip(disks, rotating, strict=True)
        ]
        if known != self._known:
            self._udev.forget_all_but({number for _, number in disks})
            self._blocks, self._known = _blocks(known), known
        return self._blocks


def _blocks(disks: Sequence[Known]) -> bytes:
    lines: dict[Family, list[bytes]] = {f: [] for f in (*ATA.values(), MAPPER, FILESYSTEM, INFO)}
    for name, number, udev, rotational in disks:
        lines[INFO].append(line(_info(name, number, udev, rotational), 1))
        if udev.get("ID_FS_TYPE"):
            lines[FILESYSTEM].append(line(_filesystem(name, udev), 1))
        if udev.get("DM_NAME"):
            lines[MAPPER].append(line(_mapper(name, udev), 1))
        for key, family in ATA.items():
            value = _number(udev.get(key, "")) if udev.get("ID_ATA") else None
            if value is not None:
                lines[family].append(line(family.series(device=name), value))
    return b"".join(block(family, found) for family, found in lines.items())


def _info(name: str, number: str, udev: Mapping[str, str], rotational: str) -> bytes:
    major, _, minor = number.partition(":")
    # What is printed on the disk, else what it says, else what virtio knows.
    serial = udev.get("SCSI_IDENT_SERIAL") or udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL")
    return INFO.series(
        device=name,
        major=major,
        minor=minor,
        model=udev.get("ID_MODEL", ""),
        path=udev.get("ID_PATH", ""),
        revision=udev.get("ID_REVISION", ""),
        rotational=rotational,
        serial=serial or "",
        wwn=udev.get("ID_WWN", ""),
    )


def _filesystem(name: str, udev: Mapping[str, str]) -> bytes:
    return FILESYSTEM.series(
        device=name,
        type=udev["ID_FS_TYPE"],
        usage=udev.get("ID_FS_USAGE", ""),
        uuid=udev.get("ID_FS_UUID", ""),
        version=udev.get("ID_FS_VERSION", ""),
    )


def _mapper(name: str, udev: Mapping[str, str]) -> bytes:
    return MAPPER.series(
        device=name,
        lv_layer=udev.get("DM_LV_LAYER", ""),
        lv_name=udev.get("DM_LV_NAME", ""),
        name=udev["DM_NAME"],
        uuid=udev.get("DM_UUID", ""),
        vg_name=udev.get("DM_VG_NAME", ""),
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
