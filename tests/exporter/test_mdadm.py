"""What /proc/mdstat says of arrays, and of the disks that they have lost."""

import pytest

from exporter.collector import Malformed
from exporter.collectors import mdadm
from tests.exporter.offered import FIXTURES, values

MDSTAT = (FIXTURES / "proc/mdstat").read_bytes()
# drivers/md/md.c, md_seq_show(): an array of which one disk failed, and the same after `mdadm --remove`.
FAILED = b"""\
md7 : active raid6 sdb1[0] sde1[3] sdd1[2] sdc1[1](F)
      7813735424 blocks super 1.2 level 6, 512k chunk, algorithm 2 [4/3] [U_UU]
      bitmap: 0/30 pages [0KB], 65536KB chunk

unused devices: <none>
"""
REMOVED = FAILED.replace(b" sdc1[1](F)", b"")


def test_captured_mdstat() -> None:
    arrays = {array.name: array for array in mdadm.parse(MDSTAT)}
    assert len(arrays) == 17
    assert arrays["md6"] == mdadm.Array(
        *("md6", "recovering"),
        required=2,
        active=1,
        failed=1,
        spare=1,
        missing=0,
        blocks=195310144,
        synced=16775552,
        speed=259783 * 1024,
    )
    assert (arrays["md9"].doing, arrays["md9"].synced) == ("resyncing", 0)  # DELAYED


def test_a_disk_that_was_removed_is_missed() -> None:
    """node_exporter then says failed 0 as of a whole array (its issue 2384 asks for it)."""
    ((failed,), (removed,)) = mdadm.parse(FAILED), mdadm.parse(REMOVED)
    assert (failed.required, failed.active, failed.failed, failed.missing) == (4, 3, 1, 0)
    assert (removed.required, removed.active, removed.failed, removed.missing) == (4, 3, 0, 1)


def test_spares_journals_and_replacements_fill_no_place() -> None:
    more = REMOVED.replace(b"sdd1[2]", b"sdd1[2] sdx[4](S) sdy[5](J) sdz[6](R)")
    assert mdadm.parse(more)[0].missing == 1


async def test_mismatches_and_read_errors_come_with_the_array() -> None:
    seen = await values("mdadm")
    assert seen['hale_md_mismatch_sectors{device="md6"}'] == 128
    assert seen['hale_md_member_read_errors_total{device="md6",member="sdr"}'] == 3


@pytest.mark.parametrize(
    "data",
    [
        b"md0\n",
        b"md0 : active raid1 sda[0]\n",
        FAILED.replace(b"7813735424", b"many"),
        FAILED.replace(b"[4/3]", b"[4]"),
        FAILED[:60],
        b"\xff\xfe\x00\n\n\n\n",
    ],
)
def test_mdstat_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="mdstat"):
        mdadm.parse(data)


def test_no_array_is_none() -> None:
    assert mdadm.parse(b"Personalities : [raid1] \nunused devices: <none>\n") == []
