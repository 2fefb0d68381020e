"""What each collector makes of the text of its source: captured, cut short, empty, hostile."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import mounttable
from exporter.collector import Malformed
from exporter.collectors import loadavg, meminfo, stat, uname

PROC = Path(__file__).parent / "fixtures/proc"

STAT = (PROC / "stat").read_bytes()
MEMINFO = (PROC / "meminfo").read_bytes()
MOUNTS = (PROC / "1/mounts").read_bytes()


def test_captured_loadavg() -> None:
    assert loadavg.parse(b"0.04 0.07 123.06 1/90 6438\n") == loadavg.Load(0.04, 0.07, 123.06)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"0.04 0.07", b"a b c d\n", b"nan 0 0 1/2 3\n", b"\0" * 9]
)
def test_loadavg_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="loadavg"):
        loadavg.parse(data)


def test_captured_stat() -> None:
    seen = stat.parse(
        b"cpu  1 2 3\ncpu0 1 2 3\nintr 335575 0 0 7\nctxt 410654\nbtime 1795397298\n"
        b"processes 6442\nprocs_running 1\nprocs_blocked 0\nsoftirq 283539 0 20307\n"
    )
    assert seen == stat.Stat(
        boot_time=1795397298,
        context_switches=410654,
        forks=6442,
        interrupts=335575,
        blocked=0,
        running=1,
    )


def test_stat_of_a_machine_with_thousands_of_interrupts() -> None:
    """The intr line is far longer than what is looked at of it."""
    long = STAT.replace(b"\nintr ", b"\nintr 18446744073709551615 " + b"0 " * 50_000)
    assert stat.parse(long).interrupts == 2**64 - 1


def test_softirqs_are_in_the_kernels_order_behind_their_sum() -> None:
    row = b"intr 5 0\nsoftirq 662696 0 60733 58 124916 214442 7 10 133052 9 129485 3\n"
    seen = stat.parse_softirqs(row)
    assert (seen["hi"], seen["timer"], seen["block_iopoll"], seen["rcu"]) == (0, 60733, 7, 129485)
    assert len(seen) == 10


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"softirq 1 2 3\n",
        b"softirq 1" + b" 2" * 9 + b" x\n",
        b"softirq 1" + b" 9" * 10 + b"9" * 30,
    ],
)
def test_a_line_of_softirqs_that_cannot_be_right_is_malformed(row: bytes) -> None:
    with pytest.raises(Malformed, match="softirq"):
        stat.parse_softirqs(b"intr 5 0\n" + row)


@pytest.mark.parametrize("key", [b"intr", b"ctxt", b"btime", b"processes", b"procs_running"])
def test_stat_without_a_line_is_malformed(key: bytes) -> None:
    """node_exporter would say 0, which is a lie."""
    with pytest.raises(Malformed, match=key.decode()):
        stat.parse(STAT.replace(b"\n" + key + b" ", b"\nother "))


@pytest.mark.parametrize(
    "data", [b"", STAT[:-1], STAT[:40], STAT.replace(b"\nctxt ", b"\nctxt -"), b"\xff\xfe" * 50]
)
def test_stat_that_is_cut_or_binary_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        stat.parse(data)


def test_captured_meminfo_keeps_every_field_in_its_order() -> None:
    seen = meminfo.parse(MEMINFO)
    assert len(seen.names) == len(MEMINFO.splitlines())
    assert seen.names[0] == b"MemTotal_bytes"
    assert dict(zip(seen.names, seen.values, strict=True))[b"Hugepagesize_bytes"] == 2048 * 1024


def test_meminfo_names_are_spelled_as_node_exporter_does() -> None:
    seen = meminfo.parse(
        b"Active(anon):    17 kB\nHugePages_Total:       3\n\nDirectMap1G:  1 kB\n"
    )
    assert seen == meminfo.Meminfo(
        (b"Active_anon_bytes", b"HugePages_Total", b"DirectMap1G_bytes"), (17408, 3, 1024)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        MEMINFO[:-1],
        MEMINFO[:100],
        b"MemTotal: many kB\n",
        b"MemTotal: 1 MB\n",
        b"MemTotal: 1 kB\nMemTotal: 1 kB\n",
        b"Mem%Total: 1 kB\n",
        b"\x00\x01\x02\n",
    ],
)
def test_meminfo_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="meminfo"):
        meminfo.parse(data)


def test_domainname() -> None:
    assert uname.parse(b"(none)\n") == "(none)"
    assert uname.parse(b"\xff\n") == "�"


@pytest.mark.parametrize("data", [b"", b"\n", b"a\nb\n", b"a\0b\n"])
def test_domainname_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="domainname"):
        uname.parse(data)


def test_mounts_are_unescaped_as_the_kernel_escaped_them() -> None:
    mounts = {m.device: m for m in mounttable.parse(MOUNTS)}
    assert mounts["/dev/sdc1"].path == b"/mnt/two words\\and\ttab"
    assert mounts["/dev/sdc1"].mountpoint == "/mnt/two words\\and\ttab"


def test_read_only_is_told_of_mounts_that_asked_for_it_and_of_those_that_broke() -> None:
    """An ext4 that met an error keeps "rw" and adds emergency_ro; errors=remount-ro alone means nothing."""
    mounts = {m.device: m.read_only for m in mounttable.parse(MOUNTS)}
    assert (mounts["/dev/sda1"], mounts["/dev/sdb1"], mounts["/dev/sdc1"]) == (False, True, True)


def test_a_mount_point_that_is_no_utf8_can_still_be_asked() -> None:
    (mount,) = mounttable.parse(b"/dev/sdd /mnt/\xff ext4 rw 0 0\n")
    assert (mount.path, mount.mountpoint) == (b"/mnt/\xff", "/mnt/�")


def test_a_mount_without_a_device_name_keeps_its_columns() -> None:
    (mount,) = mounttable.parse(b" /mnt tmpfs rw 0 0\n")
    assert (mount.device, mount.mountpoint, mount.fstype) == ("", "/mnt", "tmpfs")


@pytest.mark.parametrize("data", [b"", MOUNTS[:-1], b"/dev/sda1 / ext4\n", b"\n", b"\xff\x00\n"])
def test_mounts_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="mounts"):
        mounttable.parse(data)


@given(data=st.binary(max_size=300))
def test_no_bytes_whatever_bring_out_another_error(data: bytes) -> None:
    for parse in (stat.parse, meminfo.parse, loadavg.parse, uname.parse, mounttable.parse):
        try:
            parse(data)
        except Malformed:
            pass


@given(cut=st.integers(min_value=0, max_value=len(STAT) - 1))
def test_a_stat_cut_anywhere_is_malformed_or_whole(cut: int) -> None:
    """Never a number that lost its last digits."""
    whole = stat.parse(STAT)
    try:
        assert stat.parse(STAT[:cut]) == whole
    except Malformed:
        pass
