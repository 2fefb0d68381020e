"""What a collector remembers of how a file was laid out changes none of its answers."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.collector import Malformed, OnScrape
from exporter.collectors.diskstats import Diskstats
from exporter.collectors.meminfo import Memory
from exporter.collectors.netdev import Netdev
from exporter.devices import Devices
from exporter.disk_info import DiskInfo
from exporter.netns import NetFile
from exporter.procfile import ProcFile
from exporter.rotation import Rotation
from exporter.udev import Udev

HEAD = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed\n"
)
NET = HEAD + "".join(
    f"  {name}: " + " ".join(str(100 * at + number) for number in range(16)) + "\n"
    for at, name in enumerate(("lo", "eth0", "veth1", "br0"))
)
DISKS = "".join(
    f" {8 if name != 'loop0' else 7} {at * 16} {name} "
    + " ".join(str(100 * at + number) for number in range(17))
    + "\n"
    for at, name in enumerate(("sda", "loop0", "sdb", "nvme0n1"))
)
MEMORY = "".join(
    f"{name + ':':16}{100 * at:8}{' kB' if at % 4 else ''}\n"
    for at, name in enumerate(("HugePages_Total", "MemTotal", "Active(anon)", "Mapped", "a_total"))
)

SEEDS = 300


def netdev(folder: Path) -> OnScrape:
    # What is below PID 1 is not there, as where it is hidden.
    (folder / "net").mkdir(exist_ok=True)
    (folder / "net/dev").symlink_to("../file") if not (folder / "net/dev").is_symlink() else None
    file = NetFile(folder, "dev")
    return Netdev(file, folder / "class", Devices(exclude=re.compile("^veth")))


def diskstats(folder: Path) -> OnScrape:
    info = DiskInfo(Udev(folder / "udev"), Rotation(folder))
    return Diskstats(ProcFile(folder / "file"), info, Devices(exclude=re.compile("^loop")))


def meminfo(folder: Path) -> OnScrape:
    return Memory(ProcFile(folder / "file"))


def said(collector: OnScrape) -> bytes | str:
    try:
        return collector.collect()
    except Malformed as error:
        return str(error)


def changed(text: str, chance: random.Random) -> str:
    """Change a file as time, devices that come and go, or damage would."""
    rows = text.splitlines(keepends=True)
    first = 2 if rows[0].startswith("Inter") else 0
    if len(rows) <= first:
        return text
    at, other = (chance.randrange(first, len(rows)) for _ in range(2))
    words = rows[at].split()
    match chance.randrange(9):
        case 0:  # numbers go on
            return re.sub(r"\b\d+\b", lambda one: str(int(one[0]) + 7), text) if first else text
        case 1:  # one goes
            del rows[at]
        case 2:  # one comes, under a name that is there or is not
            rows.insert(at, rows[other].replace("a", chance.choice("ab"), 1))
        case 3:  # two change places
            rows[at], rows[other] = rows[other], rows[at]
        case 4:  # a number is none, or is far too long
            words[-1] = chance.choice(["x", "-1", "9" * 5000, "1.5", "\x00"])
            rows[at] = " ".join(words) + "\n"
        case 5:  # a number has moved to another line
            rows[at] = " ".join(words[:-1]) + "\n"
            rows[other] = rows[other].rstrip("\n") + f" {words[-1]}\n"
        case 6:  # cut
            return text[: chance.randrange(len(text))]
        case 7:  # two lines became one
            rows[at] = rows[at].rstrip("\n") + " "
        case 8:  # no space behind the colon, or a name with one
            rows[at] = rows[at].replace(": ", chance.choice([":", " : ", "::"]), 1)
    return "".join(rows)


@pytest.mark.parametrize(("make", "text"), [(netdev, NET), (diskstats, DISKS), (meminfo, MEMORY)])
def test_one_that_remembers_says_what_one_says_that_does_not(
    make: Callable[[Path], OnScrape], text: str, tmp_path: Path
) -> None:
    file, answers = tmp_path / "file", set[bytes | str]()
    for seed in range(SEEDS):
        chance = random.Random(seed)  # noqa: S311 - the same for everyone
        file.write_text(text)
        remembers = make(tmp_path)
        remembers.collect()
        now = text
        for _ in range(chance.randrange(1, 4)):
            now = changed(now, chance) or text
        file.write_text(now)
        assert said(remembers) == said(make(tmp_path)), f"seed {seed}: {now}"
        answers.add(said(remembers))
    assert len(answers) > SEEDS / 4, "the changes made little difference"
