"""The kernel's own books: captured files against golden expositions, and what no kernel writes."""

import errno
import re
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import cli, command_line
from exporter.collector import Absent, Malformed
from exporter.collectors import (
    buddyinfo,
    cgroups,
    cpu_vulnerabilities,
    filefd,
    interrupts,
    os,
    schedstat,
    selinux,
    slabinfo,
    softirqs,
    swap,
    sysctl,
    timex,
    zoneinfo,
)
from exporter.collectors.time import Clocksources, Time
from exporter.inventory import system
from exporter.procfile import ProcFile
from exporter.wholes import whole
from tests.exporter.fakes import EPOCH
from tests.exporter.golden import same_as_golden
from tests.exporter.offered import FIXTURES, values

PROC = FIXTURES / "proc"

# Written by the layout of the kernel, each field another number: the status says microseconds.
TIMEX = timex.LAYOUT.pack(
    *(0, 1500, -1_310_720, 16_000_000, 16_000_000, 64, 7, 1, 32_768_000, 1_700_000_000, 5),
    *(10_000, 65_536, 3, 4, 131_072, 5, 6, 7, 8, 37),
)


PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "file-nr": (filefd.parse, (PROC / "sys/fs/file-nr").read_bytes()),
    "schedstat": (schedstat.parse, (PROC / "schedstat").read_bytes()),
    **{
        name: (parse, (PROC / name).read_bytes())
        for name, parse in {
            "buddyinfo": buddyinfo.parse,
            "cgroups": cgroups.parse,
            "interrupts": interrupts.parse,
            "slabinfo": slabinfo.parse,
            "softirqs": softirqs.parse,
            "swaps": swap.parse,
            "zoneinfo": zoneinfo.parse,
        }.items()
    },
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
@given(st.binary(max_size=80), st.integers(0, 10_000), st.integers(0, 10_000))
def test_whatever_a_file_holds_is_read_or_malformed(
    name: str, junk: bytes, begin: int, end: int
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


async def test_interrupts_are_chosen_by_name_info_and_devices() -> None:
    chosen = await values(
        "interrupts", **{"interrupts.name-include": re.compile(r"^(CAL;|.*;ahci$)")}
    )
    assert {re.findall('type="([^"]*)"', series)[0] for series in chosen} == {"CAL", "43"}


async def test_interrupts_that_never_came_can_be_left_out() -> None:
    every = await values("interrupts")
    some = await values("interrupts", **{"interrupts.include-zeros": False})
    assert some == {series: value for series, value in every.items() if value}
    assert 0 < len(some) < len(every)


async def test_slabs_are_both_chosen_and_left_out() -> None:
    flags = {
        "slabinfo.slabs-include": re.compile("^(tw|kmalloc)"),
        "slabinfo.slabs-exclude": re.compile("tw_"),
    }
    chosen = await values("slabinfo", **flags)
    assert {re.findall('slab="([^"]*)"', series)[0] for series in chosen} == {"kmalloc-8192"}


SETTINGS = {
    "vm/swappiness": "60\n",
    "net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
    "kernel/words": "log allow\n",
}


@pytest.fixture
def proc_sys(tmp_path: Path) -> Path:
    for name, held in SETTINGS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(held)
    return tmp_path


def test_settings_are_numbers_numbered_named_or_words(proc_sys: Path) -> None:
    names = ("vm.swappiness", "net.ipv4.tcp_rmem", "net/ipv4/tcp_rmem:min,default,max")
    settings = sysctl.Settings(
        proc_sys, map(sysctl.setting, names), [sysctl.setting("kernel.words")]
    )
    samples = [row for row in settings.collect().decode().splitlines() if row[0] != "#"]
    assert samples == [
        'node_sysctl_info{index="0",name="kernel.words",value="log"} 1',
        'node_sysctl_info{index="1",name="kernel.words",value="allow"} 1',
        'node_sysctl_net_ipv4_tcp_rmem{index="0"} 4096',
        'node_sysctl_net_ipv4_tcp_rmem{index="1"} 131072',
        'node_sysctl_net_ipv4_tcp_rmem{index="2"} 6291456',
        "node_sysctl_net_ipv4_tcp_rmem_default 131072",
        "node_sysctl_net_ipv4_tcp_rmem_max 6291456",
        "node_sysctl_net_ipv4_tcp_rmem_min 4096",
        "node_sysctl_vm_swappiness 60",
    ]


@pytest.mark.parametrize("name", ["kernel.words", "net.ipv4.tcp_rmem:min,max"])
def test_a_setting_that_is_not_what_was_asked_for_is_malformed(proc_sys: Path, name: str) -> None:
    with pytest.raises(Malformed, match="sysctl"):
        sysctl.Settings(proc_sys, [sysctl.setting(name)], []).collect()


def test_a_setting_that_there_is_not_is_an_error_and_none_is_absent(proc_sys: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sysctl.Settings(proc_sys, [sysctl.setting("vm.gone")], []).collect()
    with pytest.raises(Absent):
        sysctl.Settings(proc_sys, [], []).collect()


@pytest.mark.parametrize("text", ["", "..", "a..b", "/etc/passwd", "a.b:", "a:b-c", "../x"])
def test_what_is_no_name_of_a_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="wanted a setting"):
        sysctl.setting(text)


def test_a_flag_that_is_repeated_keeps_every_word() -> None:
    argv = ["--collector.sysctl.include=vm.swappiness", "--collector.sysctl.include=fs.nr_open"]
    chosen = cli.settings(command_line.parser().taken(argv)).chosen
    assert [one.name for one in chosen.of(system.SYSCTL)] == ["vm.swappiness", "fs.nr_open"]
    assert chosen.of(system.SYSCTL_INFO) == []


@pytest.mark.parametrize(
    ("said", "state", "mitigation"),
    [
        ("Not affected", "not affected", ""),
        (
            "Vulnerable: Clear CPU buffers attempted, no microcode",
            "vulnerable",
            "Clear CPU buffers attempted, no microcode",
        ),
        ("Mitigation: PTI", "mitigation", "PTI"),
        ("Unknown: No mitigations", "unknown", "No mitigations"),
        ("KVM: Mitigation: Split huge pages", "unknown", "KVM: Mitigation: Split huge pages"),
    ],
)
def test_a_flaw_is_told_by_its_first_words(said: str, state: str, mitigation: str) -> None:
    assert cpu_vulnerabilities.parse(said) == (state, mitigation)


OS_RELEASE = b"""\
# a comment
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME='Debian GNU/Linux'
VERSION_ID="12.5"
ID=debian

SUPPORT_END=2028-06-30
"""


def test_the_distribution_its_version_and_its_end() -> None:
    seen = os.body(os.parse(OS_RELEASE))
    assert b'name="Debian GNU/Linux",pretty_name="Debian GNU/Linux 12 (bookworm)"' in seen
    assert b'node_os_version{id="debian",id_like="",name="Debian GNU/Linux"} 12.5\n' in seen
    assert b"node_os_support_end_timestamp_seconds 1845936000\n" in seen


def test_a_distribution_without_a_version_has_none() -> None:
    assert b"node_os_version" not in os.body(os.parse(b'ID=debian\nVERSION_ID=""\n'))


@pytest.mark.parametrize("data", [b"ID=\xff\n", b"what\n", b"ID='open\n", b"A=b c\n", b"ID=a\0b\n"])
def test_an_os_release_that_no_shell_reads_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="os-release"):
        os.parse(data)


def test_the_second_place_of_os_release_is_for_want_of_the_first(tmp_path: Path) -> None:
    with pytest.raises(Absent):
        os.Release(tmp_path).read()
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/os-release").write_bytes(OS_RELEASE)
    assert b'id="debian"' in os.Release(tmp_path).read()


@pytest.mark.parametrize(
    ("mode", "label", "config", "wanted"),
    [
        (
            "1",
            "unconfined_u:unconfined_r\0",
            "SELINUX=enforcing\n",
            {"enabled": 1, "current_mode": 1, "config_mode": 1},
        ),
        (
            "0",
            "system_u\0",
            "# SELINUX=enforcing\n SELINUX = permissive \n",
            {"enabled": 1, "current_mode": 0, "config_mode": 0},
        ),
        ("0", "system_u", "", {"enabled": 1, "current_mode": 0, "config_mode": -1}),
        ("1", "kernel\0", "SELINUX=enforcing\n", {"enabled": 0}),
    ],
)
def test_selinux_as_it_is_and_as_it_is_configured(
    tmp_path: Path, mode: str, label: str, config: str, wanted: dict[str, int]
) -> None:
    for name, held in (
        ("fs/selinux/enforce", mode),
        ("self/attr/current", label),
        ("etc/selinux/config", config),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(held)
    seen = selinux.Selinux(tmp_path, tmp_path, tmp_path).read().decode()
    found = dict(re.findall(r"^node_selinux_(\w+) (-?\d)$", seen, re.M))
    assert found == {name: str(value) for name, value in wanted.items()}


def test_a_node_without_selinux_says_so(tmp_path: Path) -> None:
    assert b"node_selinux_enabled 0\n" in selinux.Selinux(tmp_path, tmp_path, tmp_path).read()


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
