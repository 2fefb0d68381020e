"""Why a node booted, from what the life before it left, and which kernel waits."""

import os
import struct
from pathlib import Path

import pytest

from exporter.collector import Absent
from exporter.collectors.boot import (
    BOOT_TIME,
    RUN_LVL,
    Boot,
    Cause,
    Traces,
    cause,
    flavour,
    newest,
    orderly,
)
from tests.exporter.fakes import FakeBlocking
from tests.exporter.golden import same_as_golden

RUNNING = "6.1.0-37-amd64"
BOOTED_AT = 1_790_000_000


def record(kind: int, user: bytes = b"", size: int = 384) -> bytes:
    """One record of wtmp, as bits/utmp.h lays it out: type, pid, line, id, user and the rest."""
    return (struct.pack("<hxxi", kind, 0) + bytes(36) + user.ljust(32, b"\0")).ljust(size, b"\0")


BOOT, SHUTDOWN = record(BOOT_TIME, b"reboot"), record(RUN_LVL, b"shutdown")
LEVEL, LOGIN = record(RUN_LVL, b"runlevel"), record(7, b"root")


@pytest.mark.parametrize(
    ("wtmp", "told"),
    [
        (BOOT + LOGIN + SHUTDOWN + BOOT + LEVEL + LOGIN, True),
        (BOOT + SHUTDOWN + BOOT + LOGIN + BOOT, False),
        (BOOT + LEVEL + BOOT, False),
        (SHUTDOWN + BOOT, None),
        (LOGIN, None),
        (b"", None),
        (b"\xff" * 1000, None),
        (LOGIN[:100] + BOOT + SHUTDOWN + BOOT, True),
    ],
    ids=[
        "shut down",
        "an older shutdown",
        "only a level",
        "first boot",
        "no boot",
        "empty",
        "binary",
        "cut",
    ],
)
def test_a_shutdown_between_the_last_two_boots_was_one_in_order(
    wtmp: bytes, told: bool | None
) -> None:
    assert orderly(wtmp, "x86_64") is told


def test_records_are_longer_where_no_older_architecture_is_beside() -> None:
    wide = [
        record(kind, user, 400) for kind, user in ((2, b"reboot"), (1, b"shutdown"), (2, b"reboot"))
    ]
    assert orderly(b"".join(wide), "aarch64") is True


@pytest.mark.parametrize(
    ("traces", "told"),
    [
        (Traces(0, 0, True), Cause.SHUTDOWN),
        (Traces(0, 0, False), Cause.UNCLEAN),
        (Traces(0, 0, None), Cause.UNKNOWN),
        (Traces(0x20, 0, False), Cause.WATCHDOG),
        (Traces(0x01, 0, False), Cause.OVERHEAT),
        (Traces(0x10, 0, None), Cause.POWER),
        (Traces(0x8000, 0, True), Cause.SHUTDOWN),
        (Traces(0x20, 1, False), Cause.PANIC),
    ],
)
def test_the_strongest_trace_is_the_cause(traces: Traces, told: Cause) -> None:
    assert cause(traces) is told


@pytest.mark.parametrize(
    ("release", "told"),
    [
        (RUNNING, "amd64"),
        ("6.1.0-37-cloud-amd64", "cloud-amd64"),
        ("6.12.48+deb13-amd64", "amd64"),
        ("6.8.0-51-generic", "generic"),
        ("6.18.1", ""),
        ("6.18.0-rc3", ""),
    ],
)
def test_the_flavour_stands_behind_the_version(release: str, told: str) -> None:
    assert flavour(release) == told


def test_the_newest_is_by_number_and_of_the_running_flavour() -> None:
    installed = ["6.1.0-9-amd64", "6.1.0-37-amd64", "6.1.0-40-amd64", "6.12.1-cloud-amd64"]
    assert newest(installed, RUNNING) == "6.1.0-40-amd64"
    assert newest(["6.18.0-rc7", "6.18.0", "6.17.9"], "6.17.9") == "6.18.0"
    assert newest(["6.12.1-cloud-amd64"], RUNNING) is None


@pytest.fixture
def node(tmp_path: Path) -> Path:
    for name in ("boot", "proc/sys/kernel", "sys/class/watchdog/watchdog0", "var/log"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "proc/stat").write_text(f"cpu 1\nbtime {BOOTED_AT}\n")
    (tmp_path / "proc/sys/kernel/osrelease").write_text(f"{RUNNING}\n")
    for number in (36, 37):
        image = tmp_path / f"boot/vmlinuz-6.1.0-{number}-amd64"
        image.touch()
        os.utime(image, (BOOTED_AT - 1, BOOTED_AT - 1))
    return tmp_path


async def shown(node: Path) -> bytes:
    found: list[bytes] = []
    boot = Boot(node, node / "proc", node / "sys", FakeBlocking())
    await boot.collect(found.append)
    return found[-1]


async def test_the_exposition_is_the_golden_one(node: Path, request: pytest.FixtureRequest) -> None:
    (node / "sys/class/watchdog/watchdog0/bootstatus").write_text("32\n")
    (node / "boot/vmlinuz-6.1.0-38-amd64").touch()
    same_as_golden(request, "boot", await shown(node))


async def test_an_image_that_was_replaced_since_the_boot_waits_too(node: Path) -> None:
    assert b"\nhale_kernel_reboot_pending 0\n" in await shown(node)
    os.utime(node / f"boot/vmlinuz-{RUNNING}", (BOOTED_AT + 9, BOOTED_AT + 9))
    assert b"\nhale_kernel_reboot_pending 1\n" in await shown(node)


async def test_a_container_has_no_kernel_of_its_own_and_nothing_to_say_of_one(node: Path) -> None:
    for image in (node / "boot").iterdir():
        image.unlink()
    assert b"hale_kernel" not in await shown(node)


async def test_what_was_put_away_at_this_boot_is_its_cause_and_what_is_older_is_not(
    node: Path,
) -> None:
    record = node / "var/lib/systemd/pstore/1790000001"
    record.mkdir(parents=True)
    os.utime(record, (BOOTED_AT + 1, BOOTED_AT + 1))
    assert b'{cause="panic"}' in await shown(node)
    os.utime(record, (BOOTED_AT - 1, BOOTED_AT - 1))
    assert b'{cause="unknown"}' in await shown(node)


async def test_a_status_that_is_no_number_and_a_wtmp_that_is_a_folder_tell_nothing(
    node: Path,
) -> None:
    (node / "sys/class/watchdog/watchdog0/bootstatus").write_bytes(b"\xff\n")
    (node / "var/log/wtmp").mkdir()
    assert b'{cause="unknown"}' in await shown(node)


async def test_a_node_that_does_not_say_when_it_booted_says_nothing_of_it(node: Path) -> None:
    (node / "proc/stat").write_text("")
    with pytest.raises(Absent):
        await shown(node)
