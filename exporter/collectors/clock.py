"""What this node sets its clock by: chronyd or systemd-timesyncd, its source, and how far off it was.

Whether the kernel takes the clock for synchronised is node_timex_sync_status, of the collector `timex`.
"""

from collections.abc import Callable
from typing import Protocol

from exporter import chrony
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind, block, line
from exporter.programs import Ended
from exporter.timesync import Synced, Timesync

SOURCE = Family("hale_clock_source_info", Kind.GAUGE, "What this node sets its clock by; 1.")
STRATUM = Family("hale_clock_source_stratum", Kind.GAUGE, "Steps from the source to a true clock.")
OFFSET = Family(
    "hale_clock_offset_seconds",
    Kind.GAUGE,
    "How far the source's clock was ahead of this node's when it last looked.",
)

CHRONYC = ("chronyc", "-n", "-c")
DEADLINE = 5.0


class Runs(Protocol):
    """Runs programs."""

    async def run(self, argv: tuple[str, ...], deadline: float, about: str = "") -> Ended:
        """Run one program to its end."""
        ...


class TimeSource:
    """Serves hale_clock_* and, of a chronyd, chrony_*."""

    name = "clock"
    interval = 30.0
    deadline = 20.0

    def __init__(self, programs: Runs, timesync: Timesync) -> None:
        """Ask nothing yet.

        Args:
            programs: Runs chronyc.
            timesync: Where timesyncd's state comes from.
        """
        self._programs = programs
        self._timesync = timesync

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Ask chronyd where it runs, else timesyncd.

        Raises:
            Absent: This node has neither.
            Malformed: The answer cannot be understood.
            OSError: The bus cannot be asked.
        """
        body = await self._of_chrony()
        if body is None or body == chrony.down():
            synced = await self._timesync.ask()
            if synced is None and body is None:
                raise Absent("neither chronyd nor timesyncd")
            body = (body or b"") + _of_timesync(synced)
        publish(body)

    async def _of_chrony(self) -> bytes | None:
        try:
            tracked = await self._said("tracking")
            listed = await self._said("sources")
        except Absent:
            return None
        if tracked is None or listed is None:
            return chrony.down()
        tracking = chrony.parse_tracking(tracked)
        values = dict(zip(chrony.TRACKING, tracking.values, strict=True))
        stratum, offset = values[chrony.STRATUM], values[chrony.LAST_OFFSET]
        # chronyc counts the other way: above 0 is a clock of ours that was ahead.
        found = _about("chrony", tracking.address, int(stratum), -offset)
        return chrony.lines(tracking, chrony.parse_sources(listed)) + found

    async def _said(self, report: str) -> bytes | None:
        """Return a report; None when chronyd does not run."""
        ended = await self._programs.run((*CHRONYC, report), DEADLINE)
        if ended.status == 0:
            return ended.output
        if b"Cannot talk to daemon" in ended.output + ended.errors:
            return None
        raise Malformed(f"chronyc {report}: exit status {ended.status}: {ended.output[:120]!r}")


def _of_timesync(synced: Synced | None) -> bytes:
    if synced is None:
        return b""
    return _about("timesyncd", synced.server, synced.stratum, synced.offset)


def _about(source: str, server: str, stratum: int | None, offset: float | None) -> bytes:
    """Return the series about a source; without a server it is followed by nobody, and that is said."""
    found = block(SOURCE, [line(SOURCE.series(source=source, server=server), 1)])
    if stratum is not None:
        found += block(STRATUM, [line(STRATUM.series(), stratum)])
    if offset is not None:
        found += block(OFFSET, [line(OFFSET.series(), offset)])
    return found
