"""What the collectors of devices and processors make of their sources: captured, cut short, newer, hostile."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import udev
from exporter.collector import Malformed
from exporter.collectors import cpu, diskstats, netdev, pressure, vmstat
from exporter.processors import parse_ranges
from exporter.procfile import ProcFile

PROC = Path(__file__).parent / "fixtures/proc"

STAT = (PROC / "stat").read_bytes()
NETDEV = (PROC / "1/net/dev").read_bytes()
DISKSTATS = (PROC / "diskstats").read_bytes()
PRESSURE = (PROC / "pressure/io").read_bytes()
VMSTAT = (PROC / "vmstat").read_bytes()

HEADLINES = NETDEV[: NETDEV.index(b"    lo:")]


def test_captured_net_dev() -> None:
    seen = netdev.parse(NETDEV)
    assert seen.devices == (b"lo", b"eth0", b"eth0.100", b"br%d0")
    assert seen.counters[1] == (
        *(b"18446744073709551615", b"48771002", b"3", b"17", b"1", b"2", b"0", b"9411"),
        *(b"2385070", b"24241", b"5", b"6", b"7", b"8", b"9", b"10"),
    )


def test_a_kernel_with_more_columns_moves_no_number_to_another_name() -> None:
    newer = HEADLINES.replace(b"errs drop", b"errs odd drop", 1)
    newer = newer.replace(b"carrier compressed\n", b"carrier compressed new\n")
    row = b"eth0:" + b"".join(b" %d" % number for number in range(18)) + b"\n"
    (found,) = netdev.parse(newer + row).counters
    assert found == tuple(b"%d" % number for number in range(17) if number != 3)


def test_a_device_that_is_there_twice_is_taken_once() -> None:
    """Devices that come and go while a long file is read can show up again."""
    rows = NETDEV[len(HEADLINES) :]
    assert netdev.parse(NETDEV + rows) == netdev.parse(NETDEV)
    assert diskstats.parse(DISKSTATS + DISKSTATS) == diskstats.parse(DISKSTATS)


def test_a_node_without_devices_has_none() -> None:
    assert netdev.parse(HEADLINES) == netdev.Traffic((), ())
    assert diskstats.parse(b"") == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n\n",
        HEADLINES[:-1],
        HEADLINES.replace(b"drop", b"lost"),
        NETDEV[:-1],
        NETDEV[: NETDEV.index(b"eth0") + 60] + b"\n",
        HEADLINES + b"eth0 1 2 3\n",
        HEADLINES + b"eth0: 1 2 3\n",
        HEADLINES + b":" + b" 1" * 16 + b"\n",
        HEADLINES + b"../x:" + b" 1" * 16 + b"\n",
        HEADLINES + b"eth0:" + b" -1" * 16 + b"\n",
        HEADLINES + b"eth0:" + b" 1" * 17 + b"\n",
    ],
)
def test_net_dev_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="net/dev"):
        netdev.parse(data)


def test_captured_diskstats() -> None:
    disks = {disk.name: disk for disk in diskstats.parse(DISKSTATS)}
    assert (disks["sda"].number, disks["sda"].counters[2]) == ("8:0", b"1003346126")
    assert [len(disks[name].counters) for name in ("mmcblk0", "nvme0n1", "sda")] == [11, 15, 17]


def test_more_counters_than_we_know_are_passed_over() -> None:
    (disk,) = diskstats.parse(b"8 0 sda" + b" 1" * 30 + b"\n")
    assert len(disk.counters) == 17


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        DISKSTATS[:-1],
        b"8 0 sda 1 2 3 4\n",
        b"8 0 sda" + b" -1" * 17 + b"\n",
        b"8 x sda" + b" 1" * 17 + b"\n",
        b"8 0 sda" + b" 1" * 17 + b" " + b"9" * 5000 + b"\n",
        b"\xff\x00\n",
    ],
)
def test_diskstats_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="diskstats"):
        diskstats.parse(data)


def test_captured_processors() -> None:
    assert cpu.parse(STAT) == [
        cpu.Times("0", (10909, 0, 2499, 229929, 118, 0, 49, 7, 0, 0)),
        cpu.Times("1", (24999, 0, 4488, 212816, 1290, 0, 263, 9, 0, 0)),
    ]


def test_a_processor_of_a_kernel_with_more_columns() -> None:
    (seen,) = cpu.parse(b"cpu 1\ncpu7 1 2 3 4 5 6 7 8 9 10 11 12\nintr 1\n")
    assert seen == cpu.Times("7", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"intr 1\n",
        b"cpu 1 2 3 4 5 6 7 8 9 10\nintr 1\n",
        b"cpu0 1 2 3 4 5 6 7 8 9\n",
        b"cpu0 1 2 3 4 5 6 7 8 9 -1\n",
        b"cpux 1 2 3 4 5 6 7 8 9 10\n",
        b"cpu0 1 2 3 4 5 6 7 8 9 10",
        b"cpu0 1 2 3 4 5 6 7 8 9 " + b"9" * 5000 + b"\n",
    ],
)
def test_processors_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="stat"):
        cpu.parse(data)


def test_captured_pressure() -> None:
    assert pressure.parse(PRESSURE) == pressure.Pressure(23670175, 13051197)
    assert pressure.parse(b"full avg10=0.00 total=7\n") == pressure.Pressure(None, 7)


def test_pressure_of_a_kernel_with_more_to_say() -> None:
    newer = b"most avg10=0.00 total=9\nsome avg10=0.00 avg900=0.00 total=7 max=3\n"
    assert pressure.parse(newer) == pressure.Pressure(7, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        PRESSURE[:-1],
        PRESSURE + PRESSURE,
        b"some avg10=0.00 total=\n",
        b"some total=-1\n",
        b"some total=" + b"9" * 5000 + b"\n",
    ],
)
def test_pressure_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="pressure"):
        pressure.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        VMSTAT[:-1],
        VMSTAT + b"\n",
        b"pgfault\n",
        b"pgfault 1 2\npgpgin\n",
        b"pgfault -1\n",
        b"pgfault 1.5\n",
        b"pgfault " + b"9" * 5000 + b"\n",
    ],
)
def test_vmstat_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="vmstat"):
        vmstat.parse(data)


def test_of_vmstat_the_fields_asked_for_are_served_and_followed_as_they_come(
    tmp_path: Path,
) -> None:
    path = tmp_path / "vmstat"
    path.write_bytes(b"nr_free 18446744073709551615\noom_kill 2\n")
    collector = vmstat.VirtualMemory(ProcFile(path), re.compile("^nr_|^pg"))
    assert collector.collect().splitlines()[1:] == [
        b"# TYPE node_vmstat_nr_free untyped",
        b"node_vmstat_nr_free 18446744073709551615",
    ]
    path.write_bytes(b"nr_free 1\noom_kill 2\npgfault 3\n")
    assert collector.collect().endswith(b"\nnode_vmstat_pgfault 3\n")


@pytest.mark.parametrize("data", [b"a{b 1\n", b"pgfault 1\npgfault 1\n"])
def test_a_field_that_would_break_the_exposition_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_bytes(data)
    with pytest.raises(Malformed, match="vmstat"):
        vmstat.VirtualMemory(ProcFile(tmp_path / "vmstat"), re.compile("")).collect()


def test_what_udev_says_is_taken_as_it_stands() -> None:
    data = b"S:disk/x\nE:ID_MODEL=A=B \xff\nE:odd\nI:1\nE:ID_FS_TYPE=\n"
    assert udev.parse(data) == {"ID_MODEL": "A=B \ufffd", "ID_FS_TYPE": ""}


def test_lists_of_processors() -> None:
    assert parse_ranges(b"0-2,7,9-9\n") == [0, 1, 2, 7, 9]
    assert parse_ranges(b"\n") == parse_ranges(b"x-y,-3,1-2-3\n") == []


@given(data=st.binary(max_size=300))
def test_no_bytes_whatever_bring_out_another_error(data: bytes) -> None:
    udev.parse(data)
    parse_ranges(data)
    for parse in (cpu.parse, diskstats.parse, netdev.parse, pressure.parse, vmstat.parse):
        for text in (data, HEADLINES + data, b"cpu0 " + data, b"some " + data):
            try:
                parse(text)
            except Malformed:
                pass


@given(cut=st.integers(min_value=0, max_value=len(NETDEV) - 1))
def test_a_net_dev_cut_anywhere_never_has_a_number_that_lost_its_last_digits(cut: int) -> None:
    whole = dict(zip(*_parts(netdev.parse(NETDEV)), strict=True))
    try:
        seen = netdev.parse(NETDEV[:cut])
    except Malformed:
        return
    assert all(whole[device] == numbers for device, numbers in zip(*_parts(seen), strict=True))


def _parts(seen: netdev.Traffic) -> tuple[tuple[bytes, ...], tuple[tuple[bytes, ...], ...]]:
    return seen.devices, seen.counters
