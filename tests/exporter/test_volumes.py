"""Parsers of what file systems and caches say, where their golden expositions do not show why."""

from pathlib import Path

import pytest

from exporter.collectors import bcache, bcachefs, btrfs, drbd, xfs, zfs
from exporter.gathered import written
from tests.exporter.offered import FIXTURES, values


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("512", 512),
        ("1.0k", 1024),
        ("1.5k", int((1 + 5 / 10.24) * 1024)),
        ("-26.6G", -int((26 + 6 / 10.24) * 1024**3)),
        ("", None),
        ("k", None),
        ("1.5.2k", None),
        ("1.5x", None),
        ("9" * 30, None),
    ],
)
def test_bcache_writes_sizes_for_people(text: str, number: int | None) -> None:
    assert bcache.amount(text) == number


async def test_what_is_expensive_of_bcache_is_served_where_it_is_asked_for() -> None:
    name = "node_bcache_priority_stats_unused_percent"
    assert not [series for series in await values("bcache") if series.startswith(name)]
    seen = await values("bcache", **{"bcache.priorityStats": True})
    assert [value for series, value in seen.items() if series.startswith(name)] == [99]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("720", 720), ("1.26k", 1290), ("10.8T", int(10.8 * 1024**4)), ("1.5", 1)]
    + [(text, None) for text in ("", "k", "-1", "1.2.3k", "1e9", "nr", "9" * 30)],
)
def test_bcachefs_writes_sizes_for_people(text: str, number: int | None) -> None:
    assert bcachefs.size(text) == number


async def test_errors_of_a_bcachefs_device_since_they_were_set_back_are_passed_over(
    tmp_path: Path,
) -> None:
    device = tmp_path / "sys/fs/bcachefs/u/dev-0"
    device.mkdir(parents=True)
    (device / "io_errors").write_text(
        "IO errors since filesystem creation\n  read:    7\n  checksum:3\n"
        "IO errors since 8 y ago\n  read:    1\n  write:   1\n"
    )
    seen = await values("bcachefs", tmp_path)
    name = 'node_bcachefs_device_io_errors_total{device="0",type="%s",uuid="u"}'
    counts = {one: value for one, value in seen.items() if "io_errors" in one}
    assert counts == {name % "read": 7, name % "checksum": 3}


def test_btrfs_takes_as_many_bytes_as_its_layout_has_copies() -> None:
    layouts = ("single", "raid1", "raid1c3", "raid5", "raid6", "new")
    assert [btrfs.ratio(mode, 4) for mode in layouts] == [1, 2, 3, 4 / 3, 2, 0]
    assert btrfs.ratio("raid6", 2) == 0


async def test_a_path_of_a_multipath_disk_that_says_nothing_is_not_a_good_one(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "sys/block/dm-0"
    for folder in ("dm", "slaves/sda", "slaves/sdb"):
        (disk / folder).mkdir(parents=True)
    (disk / "dm/uuid").write_text("mpath-1\n")
    (disk / "dm/suspended").write_text("1\n")
    seen = {
        name.removeprefix("node_dmmultipath_"): value
        for name, value in (await values("dmmultipath", tmp_path)).items()
    }
    labels = '{device="dm-0",sysfs_name="dm-0"}'
    counts = [seen[f"device_paths{what}{labels}"] for what in ("", "_active", "_failed")]
    assert counts == [2, 0, 2]
    assert seen[f"device_active{labels}"] == 0
    assert seen['path_state{device="dm-0",path="sdb",state="unknown"}'] == 1


def test_a_line_of_xfs_with_too_few_numbers_is_left_out() -> None:
    assert list(xfs.parse(b"rw 1\nabt 1 2 3\nnew 1 2\ndir 1 2 x 4\n", "sda1")) == []
    (wrote, read) = xfs.parse(b"rw 7 9 11\n", "sda1")
    assert (wrote.family.name, wrote.value) == ("node_xfs_write_calls_total", 7)
    assert (read.family.name, read.value) == ("node_xfs_read_calls_total", 9)


def test_a_dataset_of_zfs_may_have_spaces_in_its_name() -> None:
    data = (FIXTURES / "proc/spl/kstat/zfs/pool3/objset-2").read_bytes()
    assert zfs.dataset_of(data) == "pool3/dataset with  space"
    assert zfs.dataset_of(b"name type data\n") is None


def test_numbers_of_zfs_begin_after_the_headline_and_others_are_left_out() -> None:
    data = b"1 2 3\nhits 4 1\nname type data\nhits 4 2\nname2 7 text\nbad\xff 4 3\nneg 3 -5\nhuge 4 x\n"
    assert list(zfs.numbers(data)) == [("hits", 2), ("neg", -5)]
    assert list(zfs.columns(b"nread " * 12 + b"\n1 2\n")) == []


def test_a_device_of_drbd_that_lost_its_peer() -> None:
    text = (
        b" 3: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----\n oos:4 odd:x ns:y\n"
    )
    seen = written(drbd.parse(text)).decode().splitlines()
    assert 'node_drbd_connected{device="drbd3"} 0' in seen
    assert 'node_drbd_disk_state_is_up_to_date{device="drbd3",node="local"} 1' in seen
    assert 'node_drbd_disk_state_is_up_to_date{device="drbd3",node="remote"} 0' in seen
    assert 'node_drbd_out_of_sync_bytes{device="drbd3"} 4096' in seen
