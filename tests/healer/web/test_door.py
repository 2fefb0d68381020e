"""Who is let in, and what wrong passwords cost: checked without a network, on a clock that stands still."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from healer.adapters import passwords
from healer.adapters.users import Role, User, UsersFile
from healer.web import door as at
from healer.web.door import Door, Stranger, network
from tests.healer.fakes import FakeClock
from tests.healer.web.people import ALICE, BOB, known, line, users_file

HERE = "192.0.2.1"


@dataclass
class Checks:
    """Knows of each line whose password it is, without scrypt's third of a second, and counts."""

    wrong: bool = False
    seconds: float = 0.0
    done: list[str] = field(default_factory=list)

    def __call__(self, kept: passwords.Hash, password: str) -> bool:
        self.done.append(password)
        time.sleep(self.seconds)
        return not self.wrong and known(kept, password)


def made(tmp_path: Path, *, wrong: bool = False) -> tuple[Door, FakeClock, Checks]:
    clock, checks = FakeClock(), Checks(wrong)
    return Door(UsersFile(users_file(tmp_path)), clock, 0.0, checks), clock, checks


def reason(found: User | Stranger) -> str:
    return found.reason if isinstance(found, Stranger) else f"is {found.name}"


async def test_the_right_password_lets_its_user_in(tmp_path: Path) -> None:
    door, _, _checks = made(tmp_path)
    alice = await door.let_in("alice", ALICE.password, HERE)
    bob = await door.let_in("bob", BOB.password, HERE)
    assert isinstance(alice, User)
    assert isinstance(bob, User)
    assert (alice.role, bob.role) == (Role.OPERATOR, Role.VIEWER)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", BOB.password),
        ("alice", ""),
        ("alice", ALICE.password + " "),
        ("Alice", ALICE.password),
        ("nobody", ALICE.password),
        ("", ""),
        ("alice\0", ALICE.password),
    ],
)
async def test_any_other_does_not(name: str, password: str, tmp_path: Path) -> None:
    door, _, _checks = made(tmp_path)
    assert reason(await door.let_in(name, password, HERE)) == "wrong_password"


async def test_a_name_that_nobody_has_is_checked_as_long_as_one_that_somebody_has(
    tmp_path: Path,
) -> None:
    door, _, checks = made(tmp_path)
    for name in ("alice", "nobody"):
        assert await door.let_in(name, "a wrong password", HERE) == at.WRONG
    assert len(checks.done) == 2


async def test_a_password_that_was_right_is_not_checked_again(tmp_path: Path) -> None:
    door, clock, checks = made(tmp_path)
    for _ in range(5):
        assert reason(await door.let_in("alice", ALICE.password, HERE)) == "is alice"
    assert len(checks.done) == 1
    assert reason(await door.let_in("bob", ALICE.password, HERE)) == "wrong_password"
    clock.pass_by(at.REMEMBERED_SECONDS + 1)
    await door.let_in("alice", ALICE.password, HERE)
    assert len(checks.done) == 3, "after half a day it is"


async def test_what_is_kept_of_a_password_is_no_password(tmp_path: Path) -> None:
    door, _, _checks = made(tmp_path)
    await door.let_in("alice", ALICE.password, HERE)
    kept = {name: value for name, value in vars(door).items() if name != "check"}
    assert ALICE.password not in repr(kept)


async def test_five_wrong_passwords_make_an_address_wait_whatever_name_it_tries(
    tmp_path: Path,
) -> None:
    door, clock, checks = made(tmp_path)
    for number in range(5):
        assert reason(await door.let_in(f"u{number}", "guess", HERE)) == "wrong_password"
    found = await door.let_in("alice", ALICE.password, HERE)
    assert isinstance(found, Stranger)
    assert (found.status, found.reason) == (429, "too_many_tries")
    assert 0 < found.wait_seconds <= at.TRY_AGAIN
    assert len(checks.done) == 5, "those who wait cost nothing"
    clock.pass_by(at.TRY_AGAIN)
    assert reason(await door.let_in("alice", ALICE.password, HERE)) == "is alice"


async def test_under_another_configuration_wrong_passwords_count_on_and_who_is_in_stays_in(
    tmp_path: Path,
) -> None:
    before, _, checks = made(tmp_path)
    await before.let_in("bob", BOB.password, HERE)
    for _ in range(5):
        await before.let_in("alice", "guess", HERE)
    after, clock, more = made(tmp_path)
    after.follow(before)
    assert reason(await after.let_in("alice", ALICE.password, HERE)) == "too_many_tries"
    assert await after.still("bob", BOB.password)
    assert reason(await after.let_in("bob", BOB.password, HERE)) == "is bob"
    assert (len(checks.done), more.done) == (6, [])
    clock.pass_by(at.TRY_AGAIN)
    assert reason(await after.let_in("alice", ALICE.password, HERE)) == "is alice"


async def test_another_address_and_a_user_who_is_in_do_not_wait_for_it(tmp_path: Path) -> None:
    door, _, _checks = made(tmp_path)
    await door.let_in("bob", BOB.password, HERE)
    for _ in range(6):
        await door.let_in("alice", "guess", HERE)
    assert reason(await door.let_in("alice", "guess", HERE)) == "too_many_tries"
    assert reason(await door.let_in("bob", BOB.password, HERE)) == "is bob"
    assert reason(await door.let_in("alice", ALICE.password, "192.0.2.2")) == "is alice"


async def test_a_day_of_guessing_from_one_address_tries_some_thousand_passwords(
    tmp_path: Path,
) -> None:
    door, clock, checks = made(tmp_path)
    checks.wrong = True
    tried = 0
    for _ in range(6 * 60):
        clock.pass_by(10.0)
        tried += reason(await door.let_in("alice", "guess", HERE)) == "wrong_password"
    assert tried <= 5 + 3600 / at.TRY_AGAIN + 1


async def test_many_at_once_are_checked_one_at_a_time_and_the_rest_is_sent_away(
    tmp_path: Path,
) -> None:
    door, _, checks = made(tmp_path)
    checks.seconds = 0.02
    one = [door.let_in("alice", "guess", HERE) for _ in range(20)]
    found = [reason(each) for each in await asyncio.gather(*one)]
    assert found.count("wrong_password") == at.MOST_FROM_ONE
    assert found.count("busy") == 20 - at.MOST_FROM_ONE
    assert len(checks.done) == at.MOST_FROM_ONE
    checks.wrong = True
    all_ = [door.let_in("alice", "guess", f"192.0.2.{last}") for last in range(2, 100)]
    found = [reason(each) for each in await asyncio.gather(*all_)]
    assert found.count("busy") == 98 - at.MOST_WAITING


async def test_tabs_that_come_back_at_once_cost_one_check(tmp_path: Path) -> None:
    door, _, checks = made(tmp_path)
    tabs = [door.let_in("alice", ALICE.password, HERE) for _ in range(at.MOST_FROM_ONE)]
    assert [reason(each) for each in await asyncio.gather(*tabs)] == ["is alice"] * 4
    assert len(checks.done) == 1


async def test_a_new_password_ends_the_old_one_and_a_user_who_is_gone_is_out(
    tmp_path: Path,
) -> None:
    door, clock, _checks = made(tmp_path)
    await door.let_in("alice", ALICE.password, HERE)
    await door.let_in("bob", BOB.password, HERE)
    new = f'users: {{alice: {{role: viewer, password: "{line("a new password")}"}}}}'
    door.file.path.write_text(new)
    clock.pass_by(at.LOOK_EVERY)
    assert reason(await door.let_in("alice", ALICE.password, HERE)) == "wrong_password"
    assert reason(await door.let_in("bob", BOB.password, HERE)) == "wrong_password"
    alice = await door.let_in("alice", "a new password", HERE)
    assert isinstance(alice, User)
    assert alice.role is Role.VIEWER


@pytest.mark.parametrize("harm", ["gone", "garbage", "readable"])
async def test_a_file_that_cannot_be_trusted_lets_nobody_in_until_it_can(
    harm: str, tmp_path: Path
) -> None:
    door, clock, _checks = made(tmp_path)
    await door.let_in("alice", ALICE.password, HERE)
    path = door.file.path
    good = path.read_text()
    if harm == "gone":
        path.unlink()
    elif harm == "garbage":
        path.write_text("users: [")
    else:
        path.chmod(0o644)
    clock.pass_by(at.LOOK_EVERY)
    assert await door.let_in("alice", ALICE.password, HERE) == at.SHUT
    path.write_text(good)
    path.chmod(0o600)
    clock.pass_by(at.LOOK_EVERY)
    assert reason(await door.let_in("alice", ALICE.password, HERE)) == "is alice"


async def test_what_is_remembered_of_strangers_is_bounded(tmp_path: Path) -> None:
    door, _, checks = made(tmp_path)
    checks.wrong = True
    for number in range(at.MOST_ADDRESSES + 50):
        door._tries_of(str(number))
    await door.let_in("alice", "guess", HERE)
    assert len(door._tries) == at.MOST_ADDRESSES
    assert not door._waiting


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_one_customer_has_counts_as_one_address(address: str, counts_as: str) -> None:
    assert network(address) == counts_as
