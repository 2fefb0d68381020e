"""Schedules of all that goes wrong, on virtual time: no promise is broken. `make schedules` runs 10,000."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

FEW = "0-199"
"""Seeds that every run of the tests tries."""


def schedules(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.healer.safety", *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def assert_seen(said: str, *args: str) -> None:
    """Have a promise broken, among whatever else is by the same mistake first."""
    ran = schedules(*args, "--until", said, "--most", "20")
    assert ran.returncode == 1, ran.stdout
    assert said in ran.stdout


def test_no_schedule_breaks_a_promise() -> None:
    ran = schedules("--seeds", FEW)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "200 schedules from seed 0, 0 broken" in ran.stdout


def test_a_seed_gives_the_same_schedule_again() -> None:
    once, again = (
        schedules("--seeds", "0-299", "--without", "quorum", "--most", "1") for _ in "12"
    )
    assert once.returncode == again.returncode == 1, once.stdout
    assert once.stdout.splitlines()[:2] == again.stdout.splitlines()[:2]


@pytest.mark.parametrize(
    ("guard", "said"),
    [
        ("armed", "failed before it was armed"),
        ("owner_settled", "systemd changed it"),
        ("quorum", "no majority"),
        ("one_at_a_time", " beside "),
        ("budget", "already, of"),
        ("approved", "nobody said yes"),
        ("fenced", "starts share, which"),
    ],
)
def test_the_oracle_sees_that_a_guard_is_missing(guard: str, said: str) -> None:
    """It knows the truth and none of the guards, so whoever takes one away is found out, by one promise or another."""
    assert_seen(said, "--seeds", "0-699", "--without", guard)


@pytest.mark.parametrize(
    ("site", "mistake", "said"),
    [
        ("files", "--without restore_proven", "a disk of"),
        ("files", "--without restore_proven", "no drill proved"),
        ("files", "--plant restores_again", "for the same damage"),
        ("files", "--plant needs_no_owner", "no owner agreed"),
        ("files", "--plant anybody_owns", "no owner agreed"),
        ("copies", "--without last_copy", "the good copies besides it"),
        ("copies", "--without owner_settled", "the leader changed"),
        ("copies", "--plant moves_while_paused", "has Patroni paused"),
        ("copies", "--plant any_candidate", "is to lead, and lacks"),
        ("copies", "--plant forgets_the_standby", "is to lead, and commits wait for"),
    ],
)
def test_the_oracle_sees_mistakes_with_files_and_databases(
    site: str, mistake: str, said: str
) -> None:
    assert_seen(said, "--seeds", "0-1199", "--site", site, *mistake.split())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("takes_anybody", "is not proved"),
        ("goes_through_anybody", "which is away itself"),
        ("sees_no_lock", "is away for upkeep"),
        ("lets_reboot_early", "does not stand at"),
        ("unlocks_first", "begins, and pool.drain of"),
        ("forgets_the_dead", "is ended, and nobody said so"),
        ("marks_again", "is done already"),
    ],
)
def test_the_oracle_sees_mistakes_with_locks_and_other_upkeep(fault: str, said: str) -> None:
    assert_seen(said, "--seeds", "0-2399", "--site", "tier", "--plant", fault)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("never_closes", "its trouble is over for long"),
        ("closes_blindly", "and was not well for"),
        ("tells_nobody", "and nobody has it"),
        ("tells_on", "which is over"),
        ("merges_into_nothing", "was merged"),
        ("keeps_marks", "which are over"),
        ("reads_nothing_anew", "which nobody described"),
    ],
)
def test_the_oracle_sees_other_mistakes(fault: str, said: str) -> None:
    assert_seen(said, "--seeds", "0-699", "--plant", fault)
