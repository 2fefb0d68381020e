"""The node's wall clock, its zone and what it is counted by, as node_exporter's `time`."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind, block, line
from exporter.procfile import ProcFile

SECONDS = Family("node_time_seconds", Kind.GAUGE, "System time in seconds since epoch (1970).")
ZONE = Family("node_time_zone_offset_seconds", Kind.GAUGE, "System time zone offset in seconds.")
AVAILABLE = Family(
    "node_time_clocksource_available_info",
    Kind.GAUGE,
    "Available clocksources read from '/sys/devices/system/clocksource'.",
)
CURRENT = Family(
    "node_time_clocksource_current_info",
    Kind.GAUGE,
    "Current clocksource read from '/sys/devices/system/clocksource'.",
)

FOLDER = re.compile(r"clocksource[0-9].*")
MOST_BYTES = 4096  # a page, which is all that a file of /sys can be


class Time(OnScrape):
    """Serves node_time_*."""

    name = "time"

    def __init__(
        self,
        wall: Callable[[], float],
        sources: "Clocksources",
        zone: Callable[[float], time.struct_time] = time.localtime,
    ) -> None:
        """Read nothing yet.

        Args:
            wall: The node's clock, in Unix seconds.
            sources: What the kernel could count by.
            zone: Tells a time's zone.
        """
        self._wall = wall
        self._sources = sources
        self._zone = zone

    def collect(self) -> bytes:
        """Ask the clock, and read what it is counted by."""
        now = self._wall()
        local = self._zone(now)
        zone = line(ZONE.series(time_zone=local.tm_zone), local.tm_gmtoff)
        return (
            block(SECONDS, [line(SECONDS.series(), now)])
            + block(ZONE, [zone])
            + self._sources.blocks()
        )


class Clocksources:
    """What /sys says of each set of clock sources; every machine known has one, clocksource0."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[tuple[ProcFile, ProcFile]] = []
        self._last: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def blocks(self) -> bytes:
        """Return the series for this moment; nothing where the kernel does not say.

        Raises:
            OSError: It is there and could not be read.
        """
        self._files = self._files or self._find()
        try:
            seen = [
                (names.read()[:MOST_BYTES], now.read()[:MOST_BYTES]) for names, now in self._files
            ]
        except Absent:  # it has just gone
            self._files, seen = [], []
        if seen != self._last[0]:
            self._last = seen, _blocks(seen)
        return self._last[1]

    def _find(self) -> list[tuple[ProcFile, ProcFile]]:
        try:
            names = sorted(one.name for one in self._folder.iterdir())
        except OSError:
            return []
        folders = [self._folder / name for name in names if FOLDER.fullmatch(name)]
        return [
            (ProcFile(one / "available_clocksource"), ProcFile(one / "current_clocksource"))
            for one in folders
            if (one / "available_clocksource").exists() and (one / "current_clocksource").exists()
        ]


def _blocks(seen: list[tuple[bytes, bytes]]) -> bytes:
    available, current = list[bytes](), list[bytes]()
    for number, (names, chosen) in enumerate(seen):
        device = str(number)
        words = dict.fromkeys(word.decode("utf-8", "replace") for word in names.split())
        available += [line(AVAILABLE.series(clocksource=word, device=device), 1) for word in words]
        word = chosen.strip().decode("utf-8", "replace")
        current.append(line(CURRENT.series(clocksource=word, device=device), 1))
    return block(AVAILABLE, available) + block(CURRENT, current)
