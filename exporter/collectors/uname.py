"""Which kernel runs here, from uname(2) and /proc/sys/kernel/domainname, as node_exporter's `uname`."""

import os
from collections.abc import Callable
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind, line
from exporter.procfile import ProcFile

FAMILY = Family(
    "node_uname_info",
    Kind.GAUGE,
    "Labeled system information as provided by the uname system call.",
)


class Uname(NamedTuple):
    """What uname(2) fills in, the GNU extension `domainname` (NIS) included."""

    domainname: str
    machine: str
    nodename: str
    release: str
    sysname: str
    version: str


def parse(data: bytes) -> str:
    """Read the domain name, one line.

    Raises:
        Malformed: It is empty (the kernel writes "(none)") or more than one line.
    """
    text = data.removesuffix(b"\n")
    if not text or b"\n" in text or b"\0" in text:
        raise Malformed(f"domainname: wanted one line, saw {data[:60]!r}")
    return text.decode("utf-8", "replace")


class Kernel(OnScrape):
    """Serves node_uname_info."""

    name = "uname"

    def __init__(
        self, domainname: ProcFile, uname: Callable[[], os.uname_result] = os.uname
    ) -> None:
        self._domainname = domainname
        self._uname = uname
        self._last: tuple[Uname, bytes] | None = None

    def collect(self) -> bytes:
        """Ask the kernel; host and domain name may change while it runs."""
        seen = self._uname()
        now = Uname(
            domainname=parse(self._domainname.read()),
            machine=seen.machine,
            nodename=seen.nodename,
            release=seen.release,
            sysname=seen.sysname,
            version=seen.version,
        )
        if self._last is None or self._last[0] != now:
            self._last = now, FAMILY.header() + line(_series(now), 1)
        return self._last[1]


def _series(now: Uname) -> bytes:
    return FAMILY.series(
        domainname=now.domainname,
        machine=now.machine,
        nodename=now.nodename,
        release=now.release,
        sysname=now.sysname,
        version=now.version,
    )
