"""Names, passwords and rates: on virtual time, with a check that costs what the test says."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from exporter import bcrypt
from exporter.admission import Bucket, Guard, Verdict, credentials
from exporter.web_config import RateLimit

KEPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
USERS = {"alice": KEPT}


@dataclass
class Checks:
    """Stands in for libcrypt: knows one password, and counts what it was asked."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, password: str, kept: str) -> bool:
        self.asked.append(password)
        return password == "right"


@dataclass
class Taking:
    """Runs a call after it took its time."""

    seconds: float = 0.05

    async def call(self, _: str, work: Callable[[], bool]) -> bool:
        await asyncio.sleep(self.seconds)
        return work()


def guard(checks: Checks, seconds: float = 0.05) -> Guard:
    return Guard(Taking(seconds), checks)  # type: ignore[arg-type]


async def test_what_came_of_a_password_is_remembered_right_or_wrong() -> None:
    checks = Checks()
    door = guard(checks, 0.0)
    for _ in range(3):
        assert await door.judge(USERS, "alice", "right", "x") is Verdict.RIGHT
        assert await door.judge(USERS, "alice", "old", "x") is Verdict.WRONG
    assert checks.asked == ["right", "old"]
    assert await door.judge({"alice": KEPT[:-1] + "a"}, "alice", "right", "x") is Verdict.RIGHT
    assert checks.asked == ["right", "old", "right"], "a new hash ends what was known of the old"


async def test_a_name_that_nobody_has_takes_a_check_too() -> None:
    checks = Checks()
    assert await guard(checks, 0.0).judge(USERS, "mallory", "right", "x") is Verdict.WRONG
    assert checks.asked == ["right"]


@pytest.mark.looptime(start=0)
async def test_one_is_checked_at_a_time_and_few_may_wait() -> None:
    checks = Checks()
    door = guard(checks)
    asked = [
        door.judge(USERS, "alice", f"{host}-{n}", f"192.0.2.{host}")
        for host in range(20)
        for n in range(5)
    ]
    before = asyncio.get_running_loop().time()
    verdicts = await asyncio.gather(*asked[:10])
    took = asyncio.get_running_loop().time() - before
    assert verdicts.count(Verdict.BUSY) == 6, "two of each of two addresses were let wait"
    # Four checks, and nine times as long after each: guessing has a tenth of one CPU.
    assert took == pytest.approx(4 * 10 * 0.05)
    for one in asked[10:]:
        one.close()


@pytest.mark.looptime(start=0)
async def test_all_addresses_together_wait_no_further_than_there_is_room() -> None:
    door = guard(Checks(), 0.01)
    asked = [door.judge(USERS, "alice", str(n), f"192.0.2.{n}") for n in range(30)]
    verdicts = await asyncio.gather(*asked)
    assert verdicts.count(Verdict.BUSY) == 14
    assert not door._waiting


@pytest.mark.looptime(start=0)
async def test_who_is_known_passes_while_others_guess() -> None:
    checks = Checks()
    door = guard(checks, 0.2)
    assert await door.judge(USERS, "alice", "right", "a") is Verdict.RIGHT
    guesses = [asyncio.create_task(door.judge(USERS, "alice", str(n), f"{n}")) for n in range(20)]
    await asyncio.sleep(0)
    async with asyncio.timeout(0.1):
        assert await door.judge(USERS, "alice", "right", "0") is Verdict.RIGHT
    for one in guesses:
        one.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_guesses_do_not_push_out_who_is_known() -> None:
    checks = Checks()
    door = guard(checks, 0.0)
    await door.judge(USERS, "alice", "right", "a")
    for n in range(300):
        await door.judge(USERS, "alice", str(n), "b")
    assert len(door._wrong) == 100
    checks.asked.clear()
    assert await door.judge(USERS, "alice", "right", "a") is Verdict.RIGHT
    assert checks.asked == []


async def test_a_system_that_cannot_tell_lets_nobody_in() -> None:
    def unable(_: str, __: str) -> bool:
        raise bcrypt.Unavailable("gone")

    assert await Guard(check=unable).judge(USERS, "alice", "right", "a") is Verdict.BUSY


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (basic("alice:right"), ("alice", "right")),
        (basic("alice:a:b"), ("alice", "a:b")),
        (basic("alice:schön"), ("alice", "schön")),
        (basic("alice:").replace("Basic", "bAsIc"), ("alice", "")),
        (basic("alice"), None),
        ("Basic !", None),
        ("Basic \xff", None),
        ("Basic " + b64encode(b"\xff:\xff").decode(), None),
        ("Bearer x", None),
        ("", None),
        (basic("alice:" + "a" * 2000), None),
    ],
)
def test_basic_authentication(header: str, found: tuple[str, str] | None) -> None:
    assert credentials(header) == found


def test_a_bucket_has_room_for_a_burst_and_gets_it_back_with_time() -> None:
    now = 0.0
    bucket = Bucket(RateLimit(interval=2.0, burst=3), lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now = 2.0
    assert [bucket.take(), bucket.take()] == [True, False]
    now = 100.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
