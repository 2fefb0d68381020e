"""What one line of a daemon or of the kernel began, the line of its recovery ends, each in its own words."""

from pathlib import Path
from typing import Any

import pytest

from exporter.failures.classifier import Classifier
from exporter.failures.conditions import Conditions

CLASSIFIER = Classifier()
NOW = 1_800_000_000.0
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
STARTED = "39f53479d3a045ac8e11786248231fbf"
WRITTEN = Path(__file__).parent / "fixtures/logs/recoveries.txt"
"""Pairs of lines, each after the name of its writer."""
EVERYDAY = Path(__file__).parent / "fixtures/logs/everyday.txt"
"""What kernels of well nodes write, by the wordings of their sources: another's trouble, or none."""


def of(program: str, message: str, **fields: str) -> dict[str, Any]:
    said = {"MESSAGE": message, "_TRANSPORT": "syslog", "SYSLOG_IDENTIFIER": program}
    return said | {"_UID": "0"} | fields


def entry(line: str) -> dict[str, Any]:
    writer, _, message = line.partition(": ")
    return (
        {"MESSAGE": message, "_TRANSPORT": "kernel"} if writer == "kernel" else of(writer, message)
    )


PAIRS = [tuple(map(entry, pair.splitlines())) for pair in WRITTEN.read_text("utf-8").split("\n\n")]
OF_THE_KERNEL = [pair for pair in PAIRS if all(one["_TRANSPORT"] == "kernel" for one in pair)]


def heard(conditions: Conditions, one: dict[str, Any], at: float) -> bool:
    return conditions.hear(CLASSIFIER.classify_entry(one), at, at)


@pytest.mark.parametrize(("failure", "recovery"), PAIRS, ids=lambda one: one["MESSAGE"][:40])
def test_a_recovery_ends_what_its_failure_began(failure, recovery) -> None:
    conditions = Conditions()
    assert heard(conditions, failure, NOW)
    assert heard(conditions, recovery, NOW + 1)
    assert conditions.open == ()


def test_a_unit_that_is_started_has_failed_no_more() -> None:
    conditions = Conditions()
    unit = {"_PID": "1", "UNIT": "web.service"}
    failed = of("systemd", "web.service: Failed with result 'timeout'.", MESSAGE_ID=FAILED, **unit)
    started = of("systemd", "Started web.service - Web.", MESSAGE_ID=STARTED, **unit)
    assert heard(conditions, failed, NOW)
    assert not heard(conditions, started | {"UNIT": "mail.service"}, NOW + 1)
    assert heard(conditions, started, NOW + 2)
    assert conditions.open == ()


@pytest.mark.parametrize(("failure", "recovery"), OF_THE_KERNEL)
def test_what_a_stranger_writes_ends_nothing_that_the_kernel_told(failure, recovery) -> None:
    conditions = Conditions()
    assert heard(conditions, failure, NOW)
    heard(conditions, of("myapp", recovery["MESSAGE"], _UID="1000"), NOW + 1)
    assert len(conditions.open) == 1


@pytest.mark.parametrize("line", EVERYDAY.read_text("utf-8").splitlines())
def test_what_any_fleet_writes_every_day_calls_nobody(line) -> None:
    conditions = Conditions()
    heard(conditions, {"MESSAGE": line, "_TRANSPORT": "kernel"}, NOW)
    assert [one.cause for one in conditions.open if not one.minor] == []


@pytest.mark.parametrize(
    ("daemon", "said"),
    [
        ("lvm", "WARNING: Thin pool vg0-pool0 data is now 80.45% full."),
        ("lvm", "Thin pool vg0-pool0-tpool data is now 85% full."),
        ("systemd", "Timed out waiting for device dev-disk-by\\x2duuid-1C2D.device - /dev/usb1."),
        ("systemd", "dev-sdz1.device: Job dev-sdz1.device/start timed out."),
        ("upsmon", "Communications with UPS rack7@nut1 lost"),
        ("upsmon", "UPS rack7@nut1 is unavailable"),
    ],
)
def test_what_roots_daemons_write_of_others_or_of_what_is_to_come_calls_nobody(
    daemon, said
) -> None:
    conditions = Conditions()
    assert heard(conditions, of(daemon, said), NOW)
    assert [(one.minor, one.witness.value) for one in conditions.open] == [(True, "daemon")]


SDA1 = {
    "MESSAGE": "EXT4-fs error (device sda1): ext4_lookup:1785: inode #12: comm ls: deleted inode",
    "_TRANSPORT": "kernel",
}


@pytest.mark.parametrize("said", ["sda1 repaired", "/dev/sda1 repaired", "everything repaired"])
def test_root_says_that_it_was_repaired(said) -> None:
    conditions = Conditions()
    assert heard(conditions, SDA1, NOW)
    heard(conditions, of("hale-repaired", "sda2 repaired"), NOW + 1)
    heard(conditions, of("hale-repaired", said, _UID="1000"), NOW + 2)
    assert len(conditions.open) == 1
    assert heard(conditions, of("hale-repaired", said), NOW + 3)
    assert conditions.open == ()


def test_what_fails_again_after_a_repair_begins_anew() -> None:
    conditions = Conditions()
    for at in (0, 2):
        assert heard(conditions, SDA1, NOW + at)
        assert heard(conditions, of("hale-repaired", "sda1 repaired"), NOW + at + 1)
