"""What counts as left over, from the kernel's own lists."""

from pathlib import Path

from lab.remains import Remains, mounts_below

MOUNTINFO = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:50 / /run/hale/lab/main/disks rw - tmpfs halelab-main rw
41 22 7:0 / /run/hale/lab/main/nodes/web1/root-disk rw - ext4 /dev/loop0 rw
42 22 0:51 / /run/hale/lab/main2/disks rw - tmpfs halelab-main2 rw
43 22 0:52 / /run/hale/lab/main/with\\040space rw - tmpfs x rw
44 22 0:4 net:[4026532] /run/hale/lab/main/network rw - nsfs nsfs rw
"""


def test_mounts_of_this_lab_are_found_in_the_order_they_were_made():
    found = mounts_below(MOUNTINFO, (Path("/run/hale/lab/main"),))
    assert [path.name for path in found] == ["disks", "root-disk", "with space", "network"]


def test_a_lab_whose_name_merely_begins_alike_is_left_alone():
    assert Path("/run/hale/lab/main2/disks") not in mounts_below(
        MOUNTINFO, (Path("/run/hale/lab/main"),)
    )


def test_no_mounts_no_remains():
    assert mounts_below("", (Path("/run"),)) == ()
    assert not Remains()


def test_anything_left_is_named():
    left = Remains(processes=frozenset({7}), loops=(Path("/dev/loop3"),))
    assert left
    assert str(left) == "process 7, loop device /dev/loop3"
