"""What is mounted where, read from the kernel's own words, some of which anybody may choose."""

from dataclasses import replace
from pathlib import Path

import pytest

from gate import mounts
from gate.mounts import Filesystems, Mount, Unmeasurable, parse
from gate.seen import Eyes
from tests.gate.fakes import World

ROOT = "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
DATA = "26 25 8:2 / /data rw,relatime shared:2 - ext4 /dev/sdb1 rw\n"
ODD = "80 25 0:50 / /home/u/a{}b rw,nosuid - fuse.x a{}b rw,user_id=1000\n"

# What str.splitlines takes for the end of a line; of these the kernel escapes only \n.
SIGNS = ("\v", "\f", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_in_the_name_of_a_mount_hides_the_others(sign: str) -> None:
    text = ROOT + ODD.format(sign, sign) + DATA
    found = parse(text.encode())
    assert [one.mountpoint for one in found] == ["/", f"/home/u/a{sign}b", "/data"]
    assert found[2] == Mount(26, "/data", "/dev/sdb1")


def test_a_name_that_is_no_text_is_a_name_all_the_same() -> None:
    found = parse(ROOT.encode() + b"80 25 0:50 / /home/u/\xff\\040b rw - fuse.x \xff rw\n")
    assert found[1].mountpoint == "/home/u/\udcff b"


@pytest.mark.parametrize("line", ["80", "80 25 0:50 / /home", "80 25 0:50 / /home rw - ", "x y"])
def test_a_table_that_cannot_be_read_is_unknown_and_breaks_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(ROOT + line + "\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", table)
    disks = Filesystems(lambda: 0)
    with pytest.raises(Unmeasurable):
        disks.mounts()
    world = World(tmp_path / "world")
    assert Eyes(replace(world.node, disks=disks)).look(("/",)) == {"/": None}
