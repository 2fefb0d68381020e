"""What tells early of disks, file systems, mounts and buses that go wrong.

The files under fixtures/sys/block/*/device and fixtures/sys/fs/ext4 are written as drivers/scsi/scsi_sysfs.c and
fs/ext4/sysfs.c print them.
"""

import shutil
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors import mounts, pcie
from exporter.collectors.diskerrors import DiskErrors
from tests.exporter.offered import FIXTURES, values


def at(series: str) -> str:
    """The mount point of a series."""
    return series.partition('mountpoint="')[2].removesuffix('"}')


async def test_commands_that_failed_are_counted_in_hexadecimal() -> None:
    seen = await values("diskerrors")
    assert seen['hale_disk_io_errors_total{device="sdb"}'] == 0x1A
    assert seen['hale_disk_io_done_total{device="sda"}'] == 500
    assert seen['hale_disk_offline{device="sda"}'] == 0
    assert seen['hale_disk_offline{device="sdb"}'] == 1
    assert not any("nvme" in series for series in seen)  # `live` is no state of a SCSI disk


def test_a_disk_that_comes_is_counted_at_once_and_one_that_goes_no_more(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sys/block", tmp_path / "block", symlinks=True)
    collector = DiskErrors(tmp_path)
    before = collector.collect()
    assert b'"sdb"' in before
    assert b'"sdz"' not in before
    (tmp_path / "block/sdb").rename(tmp_path / "block/sdz")
    assert collector.collect() == before.replace(b'"sdb"', b'"sdz"')
    shutil.rmtree(tmp_path / "block")
    with pytest.raises(Absent):
        collector.collect()


async def test_errors_that_a_file_system_found_are_told_with_their_time() -> None:
    seen = await values("fserrors")
    assert seen['hale_filesystem_errors_total{device="sda1",fstype="ext4"}'] == 2
    last = "hale_filesystem_last_error_timestamp_seconds"
    assert seen[f'{last}{{device="sda1",fstype="ext4"}}'] == 1_700_000_000
    assert f'{last}{{device="sdb1",fstype="ext4"}}' not in seen
    (read,) = [v for s, v in seen.items() if s.startswith("hale_btrfs") and 'type="read"' in s]
    assert read == 4


async def test_a_mount_that_fstab_asks_for_and_that_is_not_there_is_0() -> None:
    seen = await values("mounts")
    found = {at(s): v for s, v in seen.items() if s.startswith("hale_fstab_mounted")}
    assert found == {
        "/": 1,
        "/srv/data": 1,
        r"/mnt/two words\\and	tab": 1,
        "/mnt/filer": 1,
        "/srv/backup": 0,
    }


async def test_a_mount_that_became_read_only_is_told_from_one_that_is_meant_so() -> None:
    seen = await values("mounts")
    found = {at(s): v for s, v in seen.items() if s.startswith("hale_fstab_read_only")}
    assert found == {"/": 0, "/srv/data": 1, "/mnt/filer": 0}


def test_lines_of_fstab_that_mount_nothing_are_left_out() -> None:
    lines = (
        b"# x\n\n/dev/a /a ext4 noauto\n/dev/b none swap sw\n/dev/c swap swap sw\n/dev/d /d\nx\n"
    )
    assert mounts.parse(lines) == []
    assert mounts.parse(b"/dev/a /a/ xfs\n/dev/b /a ext4 ro\n") == [
        mounts.Wanted("/a", "ext4", writable=False)
    ]
    for data in (b"\xff\xfe", b"/dev/a /a ext4 \0\n"):
        with pytest.raises(Malformed, match="fstab"):
            mounts.parse(data)


async def test_a_fast_disk_in_a_slow_port_is_not_degraded_and_a_narrow_link_is(
    tmp_path: Path,
) -> None:
    """The captured disk can 16 GT/s, its port 8: it has what there is."""
    shutil.copytree(FIXTURES / "sys", tmp_path / "sys", symlinks=True)
    disk = 'hale_pcie_link_degraded{device="0000:01:00.0",what="%s"}'
    seen = await values("pcie", tmp_path)
    assert (seen[disk % "speed"], seen[disk % "width"]) == (0, 0)
    (tmp_path / "sys/bus/pci/devices/0000:01:00.0/current_link_width").write_text("2\n")
    (tmp_path / "sys/bus/pci/devices/0000:01:00.0/current_link_speed").write_text("2.5 GT/s PCIe\n")
    seen = await values("pcie", tmp_path)
    assert (seen[disk % "speed"], seen[disk % "width"]) == (1, 1)
    (tmp_path / "sys/bus/pci/devices/0000:01:00.0/current_link_speed").write_text("Unknown\n")
    seen = await values("pcie", tmp_path)
    assert disk % "speed" not in seen


def test_the_sum_of_a_devices_errors_is_its_last_line() -> None:
    assert pcie.total(b"RxErr 3\nBadTLP 4\nTOTAL_ERR_COR 7\n", "COR") == 7
    for data in (None, b"", b"RxErr 3\n", b"TOTAL_ERR_COR\n", b"TOTAL_ERR_COR -1\n", b"\xff\n"):
        assert pcie.total(data, "COR") is None
