"""Which distribution is installed, from os-release (os-release(5)), as node_exporter's `os`."""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.gathered import sample, written

NAME = "os"
INTERVAL = 60.0  # seconds

# The labels of the first, in the order of their names.
LABELS = (
    *("build_id", "id", "id_like", "image_id", "image_version", "name"),
    *("pretty_name", "variant", "variant_id", "version", "version_codename", "version_id"),
)
INFO = Family(
    "node_os_info",
    Kind.GAUGE,
    f"A metric with a constant '1' value labeled by {', '.join(LABELS)}.",
)
VERSION = Family(
    "node_os_version", Kind.GAUGE, "Metric containing the major.minor part of the OS version."
)
SUPPORT_END = Family(
    "node_os_support_end_timestamp_seconds",
    Kind.GAUGE,
    "Metric containing the end-of-life date timestamp of the OS.",
)

PLACES = ("etc/os-release", "usr/lib/os-release")
NUMBER = re.compile(r"[0-9]{1,18}\.?[0-9]{0,18}")
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
MOST_BYTES = 64 * 1024


def parse(data: bytes) -> dict[str, str]:
    """Return what the file assigns, by name.

    Raises:
        Malformed: It is no text, or a line is no assignment as a shell reads it.
    """
    try:
        lines = data.decode().splitlines()
        return dict(
            _assigned(row.strip()) for row in lines if row.strip() and row.strip()[0] != "#"
        )
    except ValueError as error:
        raise Malformed(f"os-release: {error}") from error


def _assigned(row: str) -> tuple[str, str]:
    match = ASSIGNMENT.fullmatch(row)
    words = shlex.split(match[2]) if match else []
    if match is None or len(words) > 1 or "\0" in row:
        raise ValueError(f"wanted NAME=value, saw {row[:80]!r}")
    return match[1], "".join(words)


def body(said: Mapping[str, str]) -> bytes:
    """Return the series.

    Raises:
        Malformed: The end of support is no date.
    """
    labels = {label: said.get(label.upper(), "") for label in LABELS}
    found = [sample(INFO, 1, **labels)]
    number = NUMBER.match(labels["version_id"])
    if number and float(number[0]) > 0:
        few = {label: labels[label] for label in ("id", "id_like", "name")}
        found.append(sample(VERSION, float(number[0]), **few))
    if end := said.get("SUPPORT_END"):
        found.append(sample(SUPPORT_END, _midnight(end)))
    return written(found)


def _midnight(date: str) -> int:
    try:
        return int(datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise Malformed(f"os-release: SUPPORT_END: {error}") from error


class Release:
    """Serves node_os_*."""

    def __init__(self, rootfs: Path) -> None:
        self._rootfs = rootfs

    def read(self) -> bytes:
        """Read the first os-release that there is; a disk's, so it may hang.

        Raises:
            Absent: There is none.
            Malformed: It could not be understood.
            OSError: It could not be read.
        """
        for place in PLACES:
            try:
                return body(parse(beginning(self._rootfs / place, MOST_BYTES)))
            except FileNotFoundError:
                continue
        raise Absent(f"no os-release below {self._rootfs}")
