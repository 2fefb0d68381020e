"""How well the kernel's clock is disciplined, from adjtimex(2), as node_exporter's `timex`.

Asked with no mode, so nothing is set; that needs no capability, but a sandbox may forbid the call whole.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind


def _family(name: str, kind: Kind, text: str) -> Family:
    return Family(f"node_timex_{name}", kind, text)


# By name, with the field that each shows (see `Timex.shown`).
FAMILIES = (
    _family("estimated_error_seconds", Kind.GAUGE, "Estimated error in seconds."),
    _family("frequency_adjustment_ratio", Kind.GAUGE, "Local clock frequency adjustment."),
    _family("loop_time_constant", Kind.GAUGE, "Phase-locked loop time constant."),
    _family("maxerror_seconds", Kind.GAUGE, "Maximum error in seconds."),
    _family(
        "offset_seconds",
        Kind.GAUGE,
        "Time offset in between local system and reference clock.",
    ),
    _family(
        "pps_calibration_total",
        Kind.COUNTER,
        "Pulse per second count of calibration intervals.",
    ),
    _family("pps_error_total", Kind.COUNTER, "Pulse per second count of calibration errors."),
    _family("pps_frequency_hertz", Kind.GAUGE, "Pulse per second frequency."),
    _family("pps_jitter_seconds", Kind.GAUGE, "Pulse per second jitter."),
    _family(
        "pps_jitter_total",
        Kind.COUNTER,
        "Pulse per second count of jitter limit exceeded events.",
    ),
    _family("pps_shift_seconds", Kind.GAUGE, "Pulse per second interval duration."),
    _family(
        "pps_stability_exceeded_total",
        Kind.COUNTER,
        "Pulse per second count of stability limit exceeded events.",
    ),
    _family(
        "pps_stability_hertz",
        Kind.GAUGE,
        "Pulse per second stability, average of recent frequency changes.",
    ),
    _family("status", Kind.GAUGE, "Value of the status array bits."),
    _family(
        "sync_status",
        Kind.GAUGE,
        "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
    ),
    _family("tai_offset_seconds", Kind.GAUGE, "International Atomic Time (TAI) offset."),
    _family("tick_seconds", Kind.GAUGE, "Seconds between clock ticks."),
)
TEMPLATE = b"".join(family.header() + family.series() + b"%a\n" for family in FAMILIES)

# struct timex of include/uapi/linux/timex.h; its last eleven words are padding, and `modes` first of all.
LAYOUT = struct.Struct("@I4li8li5li44x")
TIME_ERROR = 5  # what the call returns while the clock follows nothing
STA_NANO = 0x2000  # in `status`: offset and jitter are in nanoseconds, else in microseconds
NANO, MICRO = 1_000_000_000, 1_000_000
SCALED_PPM = (
    1_000_000.0 * 65536.0
)  # parts per million with 16 bits behind the point (adjtimex(2), NOTES)


class Timex(NamedTuple):
    """What the kernel says, in its own units (adjtimex(2))."""

    synchronised: bool
    offset: int
    freq: int
    maxerror: int
    esterror: int
    status: int
    constant: int
    tick: int
    ppsfreq: int
    jitter: int
    shift: int
    stabil: int
    jitcnt: int
    calcnt: int
    errcnt: int
    stbcnt: int
    tai: int

    def shown(self) -> tuple[float, ...]:
        """Return the numbers of FAMILIES, in their order."""
        unit = NANO if self.status & STA_NANO else MICRO
        return (
            self.esterror / MICRO,
            1 + self.freq / SCALED_PPM,
            self.constant,
            self.maxerror / MICRO,
            self.offset / unit,
            self.calcnt,
            self.errcnt,
            self.ppsfreq / SCALED_PPM,
            self.jitter / unit,
            self.jitcnt,
            self.shift,
            self.stbcnt,
            self.stabil / SCALED_PPM,
            self.status,
            int(self.synchronised),
            self.tai,
            self.tick / MICRO,
        )


def parse(state: int, data: bytes) -> Timex:
    """Take apart what adjtimex(2) returned and what it has written."""
    fields = LAYOUT.unpack(data)
    (_, offset, freq, maxerror, esterror, status, constant, _, _, _, _, tick, ppsfreq, jitter) = (
        fields[:14]
    )
    return Timex(
        state != TIME_ERROR,
        *(offset, freq, maxerror, esterror, status, constant, tick, ppsfreq, jitter),
        *fields[14:],
    )


def adjtimex() -> tuple[int, bytes]:
    """Ask the kernel, and set nothing.

    Raises:
        OSError: It would not say.
    """
    data = ctypes.create_string_buffer(LAYOUT.size)
    state = LIBC.adjtimex(data)
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return state, data.raw


LIBC = ctypes.CDLL(None, use_errno=True)


class Discipline(OnScrape):
    """Serves node_timex_*."""

    name = "timex"

    def __init__(self, ask: Callable[[], tuple[int, bytes]] = adjtimex) -> None:
        self._ask = ask

    def collect(self) -> bytes:
        """Ask the kernel once.

        Raises:
            Absent: The call is forbidden here, as in most containers.
            OSError: It failed otherwise.
        """
        try:
            seen = parse(*self._ask())
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES):
                raise Absent(f"adjtimex: {error}") from error
            raise
        return TEMPLATE % seen.shown()
