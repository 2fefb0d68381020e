"""The kernel's own books: captured files against golden expositions, and what no kernel writes."""

import errno
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collector import Absent, Malformed
from exporter.collectors import filefd, schedstat, timex
from exporter.collectors.time import Clocksources, Time
from exporter.procfile import ProcFile
from exporter.wholes import whole
from tests.exporter.fakes import EPOCH
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES

PROC = FIXTURES / "proc"

# Written by the layout of the kernel, each field another number: the status says microseconds.
TIMEX = timex.LAYOUT.pack(
    *(0, 1500, -1_310_720, 16_000_000, 16_000_000, 64, 7, 1, 32_768_000, 1_700_000_000, 5),
    *(10_000, 65_536, 3, 4, 131_072, 5, 6, 7, 8, 37),
)


PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "file-nr": (filefd.parse, (PROC / "sys/fs/file-nr").read_bytes()),
    "schedstat": (schedstat.parse, (PROC / "schedstat").read_bytes()),
    "poolsize": (lambda data: whole(data, "poolsize"), b"256\n"),
}


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\0" * 4096, b"\xff\xfe\n", b"a b c d\n", b"9" * 5000 + b"\n"]
)
def test_what_no_kernel_writes_is_malformed(name: str, data: bytes) -> None:
    with pytest.raises(Malformed, match=name):
        PARSERS[name][0](data)


@pytest.mark.parametrize("name", [name for name in PARSERS if name != "poolsize"])
def test_a_file_that_ends_within_a_line_is_malformed(name: str) -> None:
    parse, captured = PARSERS[name]
    parse(captured)
    with pytest.raises(Malformed, match=name):
        parse(captured[:-1])


@pytest.mark.parametrize("name", PARSERS)
@given(st.data(), st.binary(max_size=80), st.integers(0, 10_000), st.integers(0, 10_000))
def test_whatever_a_file_holds_is_read_or_malformed(
    name: str, data: st.DataObject, junk: bytes, begin: int, end: int
) -> None:
    parse, captured = PARSERS[name]
    left, right = sorted((begin % (len(captured) + 1), end % (len(captured) + 1)))
    with suppress(Malformed):
        parse(captured[:left] + junk + captured[right:])


def test_a_kernels_counter_of_64_bits_keeps_its_digits() -> None:
    assert filefd.parse(b"1\t0\t18446744073709551615\n") == (1, 2**64 - 1)
    assert whole(b"-12\n", "some") == -12


def test_a_processor_that_was_switched_off_takes_only_its_own_series_along(tmp_path: Path) -> None:
    file = tmp_path / "schedstat"
    rows = [b"cpu%d 0 0 0 0 0 0 %d 2000000000 3\n" % (n, n * 10**9) for n in range(3)]
    file.write_bytes(b"version 15\n" + b"".join(rows))
    collector = schedstat.Scheduler(ProcFile(file))
    assert collector.collect().count(b'cpu="1"') == 3
    with file.open("r+b") as same:
        same.write(b"version 15\n" + rows[0] + rows[2])
        same.truncate()
    after = collector.collect()
    assert after.count(b'cpu="1"') == 0
    assert b'node_schedstat_running_seconds_total{cpu="2"} 2.0\n' in after


def clock_in(zone: str, offset: int) -> Callable[[float], time.struct_time]:
    return lambda now: time.struct_time((2023, 11, 14, 22, 13, 20, 1, 318, 0, zone, offset))


def test_the_clock_its_zone_and_its_sources(request: pytest.FixtureRequest) -> None:
    sources = Clocksources(FIXTURES / "sys/devices/system/clocksource")
    collector = Time(lambda: EPOCH + 0.25, sources, clock_in("CET", 3600))
    same_as_golden(request, "time", collector.collect())


def test_a_machine_without_clock_sources_has_the_time_all_the_same(tmp_path: Path) -> None:
    collector = Time(lambda: EPOCH, Clocksources(tmp_path / "none"), clock_in("UTC", 0))
    assert b"node_time_seconds 1700000000.0\n" in collector.collect()
    assert b"clocksource" not in collector.collect()


def test_clock_sources_that_come_and_go_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "clocksource0"
    collector = Time(lambda: EPOCH, Clocksources(tmp_path), clock_in("UTC", 0))
    collector.collect()
    folder.mkdir()
    (folder / "available_clocksource").write_text("tsc hpet tsc\n")
    (folder / "current_clocksource").write_text("tsc\n")
    seen = collector.collect()
    assert b'node_time_clocksource_current_info{clocksource="tsc",device="0"} 1\n' in seen
    assert seen.count(b'available_info{clocksource="tsc"') == 1


def test_the_discipline_of_the_clock(request: pytest.FixtureRequest) -> None:
    collector = timex.Discipline(lambda: (timex.TIME_ERROR, TIMEX))
    same_as_golden(request, "timex", collector.collect())


def test_nanoseconds_are_told_from_microseconds_by_the_status() -> None:
    seen = timex.parse(0, TIMEX)
    assert (seen.synchronised, seen.tai) == (True, 37)
    nano = timex.parse(0, TIMEX[:40] + struct.pack("@i", timex.STA_NANO) + TIMEX[44:])
    at = [family.name for family in timex.FAMILIES].index("node_timex_offset_seconds")
    assert (seen.shown()[at], nano.shown()[at]) == (0.0015, 0.0000015)


def test_where_the_call_is_forbidden_nothing_is_said() -> None:
    def forbidden() -> tuple[int, bytes]:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with pytest.raises(Absent, match="adjtimex"):
        timex.Discipline(forbidden).collect()


def test_this_machines_clock_can_be_asked() -> None:
    """Layout and call are the kernel's own: a tick is between the bounds that adjtimex(2) gives."""
    try:
        state, data = timex.adjtimex()
    except PermissionError:
        pytest.skip("adjtimex is forbidden in this sandbox")
    assert 9_000 <= timex.parse(state, data).tick <= 11_000
