"""A condition begins with a line, and ends with its recovery or when its time is up."""

import json

import pytest

from exporter.failures.classifier import NOTHING, Verdict
from exporter.failures.conditions import LASTS, LONGEST_DEVICE, MOST, OUTLIVE_A_BOOT, Conditions
from exporter.failures.kinds import Failure, Witness

NOW = 1_800_000_000.0
DISK = Verdict(Failure.DISK, "medium error", "sda", "scsi-medium-error")
DOWN = Verdict(Failure.NETWORK_LINK, "link down", "eth0", "link-down")


def up(device: str = "eth0", *, everywhere: bool = False) -> Verdict:
    return Verdict(None, "", device, "link-up", (Failure.NETWORK_LINK,), everywhere)


def opened(*verdicts: Verdict) -> Conditions:
    conditions = Conditions()
    for one in verdicts:
        conditions.hear(one, NOW, NOW)
    return conditions


def test_every_type_has_its_time() -> None:
    assert set(LASTS) == set(Failure)


def test_lines_of_one_device_are_one_condition_that_keeps_its_beginning() -> None:
    conditions = Conditions()
    assert conditions.hear(DISK, NOW, NOW) is True
    assert conditions.hear(DISK, NOW + 60, NOW + 60) is False
    (one,) = conditions.open
    assert (one.device, one.began_at, one.seen_at) == ("sda", NOW, NOW + 60)


def test_what_is_believed_more_than_before_is_a_change() -> None:
    conditions = opened(DISK._replace(witness=Witness.DAEMON))
    assert conditions.hear(DISK._replace(witness=Witness.KERNEL), NOW, NOW) is True
    assert conditions.hear(DISK._replace(witness=Witness.OTHER), NOW, NOW) is False
    assert [one.witness for one in conditions.open] == [Witness.KERNEL]


def test_what_is_minor_stands_beside_what_is_not() -> None:
    corrected = Verdict(
        Failure.MEMORY_HW, "corrected memory error", "MC1", "edac-corrected", minor=True
    )
    graver = Verdict(Failure.MEMORY_HW, "uncorrected memory error", "MC1", "edac-uncorrected")
    conditions = opened(corrected, graver, corrected)
    assert [one.entry for one in conditions.open] == ["edac-corrected", "edac-uncorrected"]
    assert [one.minor for one in conditions.open] == [True, False]


def test_a_strangers_word_of_worse_is_never_the_kernels_who_told_what_is_minor() -> None:
    corrected = Verdict(
        Failure.MEMORY_HW, "corrected memory error", "MC1", "edac-corrected", minor=True
    )
    told = corrected._replace(witness=Witness.KERNEL)
    lie = corrected._replace(cause="uncorrected memory error", minor=False, witness=Witness.OTHER)
    conditions = opened(told, lie)
    assert [(one.minor, one.witness) for one in conditions.open] == [
        (True, Witness.KERNEL),
        (False, Witness.OTHER),
    ]


@pytest.mark.parametrize(
    ("device", "minor"), [("sr0", True), ("/dev/sr1", True), ("sda", False), ("sr0x", False)]
)
def test_a_medium_that_comes_and_goes_takes_nothing_from_the_node(device: str, minor: bool) -> None:
    (one,) = opened(DISK._replace(device=device)).open
    assert one.minor is minor


@pytest.mark.parametrize(
    ("kind", "named", "shown"),
    [
        (Failure.OOM, "40112 (postgres)", "postgres"),
        (Failure.OOM, "40112, (my (odd) one)", "my (odd) one"),
        (Failure.KERNEL_PANIC_HANG, "jbd2/sda1-8:415", "jbd2/sda1-8"),
        (Failure.KERNEL_PANIC_HANG, "kworker/u8:2:123", "kworker/u8:2"),
        (Failure.KERNEL_PANIC_HANG, "kernel/smp.c:912", "kernel/smp.c:912"),
        (Failure.KERNEL_PANIC_HANG, "CPU#3", "CPU#3"),
        (Failure.DISK, "8:16", "8:16"),
        (Failure.SERVICE_FAILED, "run-u123.service", "run-uN.service"),
        (Failure.SERVICE_FAILED, f"docker-{'0a' * 32}.scope", "docker-N.scope"),
        (Failure.SERVICE_FAILED, "session-4242.scope", "session-N.scope"),
        (
            Failure.SERVICE_FAILED,
            "systemd-coredump@7-4242-0.service",
            "systemd-coredump@N-N-N.service",
        ),
        (Failure.SERVICE_FAILED, "backup@2.service", "backup@2.service"),
        (Failure.DISK, "connection1:0", "connection1:0"),
    ],
)
def test_what_fails_each_night_under_another_number_is_one_series(
    kind: Failure, named: str, shown: str
) -> None:
    (one,) = opened(Verdict(kind, "c", named, "e")).open
    assert one.device == shown


def test_what_an_older_exporter_kept_of_corrected_errors_is_minor() -> None:
    saved = opened(DISK, DISK._replace(cause="corrected link error", minor=True)).saved()
    for one in saved:
        del one["minor"]
    conditions = Conditions()
    conditions.restore(saved, NOW)
    assert [one.minor for one in conditions.open] == [False, True]


def test_who_tries_to_log_in_is_in_no_series() -> None:
    one = Verdict(Failure.AUTH_SECURITY, "unknown user", "", "sshd-invalid-user")
    conditions = opened(*(one._replace(device=name) for name in ("root", "hunter2", "192.0.2.7")))
    assert [one.device for one in conditions.open] == [""]


@pytest.mark.parametrize(
    "flood",
    [
        DISK._replace(witness=Witness.OTHER),
        Verdict(Failure.PROCESS_CRASH, "crashed", "", "kernel-segfault", witness=Witness.KERNEL),
    ],
)
def test_no_user_of_the_node_crowds_out_what_the_kernel_told_of_its_disk(flood: Verdict) -> None:
    conditions = opened(DISK._replace(witness=Witness.KERNEL))
    for number in range(2 * MOST):
        conditions.hear(flood._replace(device=f"d{number}"), NOW + 60, NOW + 60)
    assert len(conditions.open) == MOST
    assert conditions.open[0].device == "sda"
    assert conditions.open[-1].device == f"d{2 * MOST - 1}", "what is new is shown all the same"
    assert conditions.crowded_out == MOST + 1


def test_no_stranger_makes_last_longer_what_the_kernel_told() -> None:
    conditions = opened(DISK._replace(witness=Witness.KERNEL))
    conditions.hear(DISK, NOW + 60, NOW + 60)
    conditions.hear(DISK._replace(witness=Witness.DAEMON), NOW + 30, NOW + 30)
    assert [one.seen_at for one in conditions.open] == [NOW + 30]


def test_where_all_are_believed_no_stranger_makes_them_go() -> None:
    conditions = opened(
        *(DISK._replace(device=f"sd{one}", witness=Witness.KERNEL) for one in range(MOST))
    )
    assert conditions.hear(DISK._replace(device="x"), NOW + 1, NOW + 1) is False
    assert {one.witness for one in conditions.open} == {Witness.KERNEL}
    assert conditions.crowded_out == 1


def test_benign_lines_begin_nothing() -> None:
    assert opened(NOTHING, up()).open == ()


@pytest.mark.parametrize("kind", Failure)
def test_one_ends_when_its_time_is_up_after_its_last_line(kind: Failure) -> None:
    conditions = opened(Verdict(kind, "c", "d", "e"))
    assert conditions.expire(NOW + LASTS[kind] - 1) is False
    assert conditions.expire(NOW + LASTS[kind]) is True
    assert conditions.open == ()


def test_a_recovery_ends_its_devices_condition_and_one_of_everywhere_all_of_the_type() -> None:
    other = Verdict(Failure.NETWORK_LINK, "link down", "eth1", "link-down")
    conditions = opened(DISK, DOWN, other)
    assert conditions.hear(up("eth2"), NOW, NOW) is False
    assert conditions.hear(up(""), NOW, NOW) is False
    assert conditions.hear(up("eth0"), NOW, NOW) is True
    assert [one.device for one in conditions.open] == ["sda", "eth1"]
    assert conditions.hear(up("", everywhere=True), NOW, NOW) is True
    assert [one.type for one in conditions.open] == [Failure.DISK]


def test_a_device_is_one_by_its_name_and_by_its_path() -> None:
    assert opened(DISK, DISK._replace(device="/dev/sda")).open[0].device == "sda"
    assert len(opened(DISK, DISK._replace(device="/dev/sda")).open) == 1


def test_the_most_believable_witness_stays() -> None:
    told = (Witness.OTHER, Witness.KERNEL, Witness.DAEMON)
    (one,) = opened(*(DISK._replace(witness=one) for one in told)).open
    assert one.witness is Witness.KERNEL


@pytest.mark.parametrize("kind", Failure)
def test_a_boot_ends_what_was_the_former_kernels(kind: Failure) -> None:
    conditions = opened(Verdict(kind, "c", "d", "e"))
    conditions.booted()
    assert bool(conditions.open) == (kind in OUTLIVE_A_BOOT)


def test_what_was_told_long_ago_begins_nothing_and_what_is_of_the_future_begins_now() -> None:
    conditions = Conditions()
    assert conditions.hear(DISK, NOW - LASTS[Failure.DISK], NOW) is False
    conditions.hear(DISK, NOW + 1e9, NOW)
    assert [(one.began_at, one.seen_at) for one in conditions.open] == [(NOW, NOW)]


def test_strangers_devices_are_bounded_and_the_oldest_make_room() -> None:
    conditions = Conditions()
    for number in range(MOST + 3):
        one = Verdict(Failure.SERVICE_FAILED, "c", f"{number}" + "x" * 1000, "e")
        conditions.hear(one, NOW + number, NOW + number)
    assert (len(conditions.open), conditions.crowded_out) == (MOST, 3)
    assert conditions.open[0].device.startswith("3x")
    assert max(len(one.device) for one in conditions.open) == LONGEST_DEVICE


def test_another_life_goes_on_with_what_was_saved() -> None:
    before, after = opened(DISK, DOWN), Conditions()
    after.restore(json.loads(json.dumps(before.saved())), NOW + 1)
    assert after.open == before.open
    after.restore(json.loads(json.dumps(before.saved())), NOW + LASTS[Failure.NETWORK_LINK])
    assert [one.type for one in after.open] == [Failure.DISK]


@pytest.mark.parametrize("saved", [[{}], [{"type": "disc"}], [None], ["x"]])
def test_what_was_not_saved_by_us_changes_nothing(saved) -> None:
    conditions = opened(DISK)
    with pytest.raises((ValueError, KeyError, TypeError)):
        conditions.restore(saved, NOW)
    assert len(conditions.open) == 1
