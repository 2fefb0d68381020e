"""Who may see what, who may do what, and what a stranger's guesses cost."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from healer.web.door import TRIES

from healer.adapters import passwords
from healer.adapters.users import UsersFile
from healer.core.ladder import Mode
from healer.errors import ConfigError
from tests.healer.web.house import House

ALICE = aiohttp.BasicAuth("alice", "correct horse battery")
VIC = aiohttp.BasicAuth("vic", "only looks around")
LINES = {
    name: str(passwords.make(password))
    for name, password in (("alice", ALICE.password), ("vic", VIC.password))
}


def written(path: Path, **roles: str) -> Path:
    lines = [
        f'  {name}: {{role: {role}, password: "{LINES[name]}"}}' for name, role in roles.items()
    ]
    path.write_text("users:\n" + "\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "users.yml", alice="operator", vic="viewer")


@pytest.fixture
async def house(file: Path) -> House:
    made = House(mode=Mode.APPROVE, users=file)
    await made.arm()
    await made.open(made.trouble())
    await made.held(reason="approval_needed")
    return made


@pytest.fixture
async def session(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    async with house.public() as session:
        yield session


async def status(session: aiohttp.ClientSession, path: str, **more) -> int:
    async with session.get(path, **more) as answer:
        return answer.status


# --- Reading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/incidents/1", "/guards", "/stop", "/refused", "/api/v1/status", "/events"]
)
async def test_what_shows_the_cluster_asks_for_a_name(session, path):
    answer = await session.get(path)
    assert answer.status == 401
    assert "ServiceDown" not in await answer.text()


@pytest.mark.parametrize(
    "path", ["/metrics", "/-/healthy", "/-/ready", "/runbooks/", "/runbooks/ServiceDown"]
)
async def test_programs_and_a_page_at_night_need_no_name(session, path):
    assert await status(session, path) in (200, 503)


async def test_a_runbook_tells_strangers_nothing_of_this_cluster(session):
    stranger = await (await session.get("/runbooks/ServiceDown")).text()
    known = await (await session.get("/runbooks/ServiceDown", auth=VIC)).text()
    assert "/incidents/1" not in stranger
    assert "/incidents/1" in known


async def test_the_webhook_is_not_asked_for_a_name(session):
    assert (await session.post("/webhook", json={})).status == 400


async def test_a_viewer_sees_everything_and_is_offered_nothing_to_press(session):
    page = await (await session.get("/incidents/1", auth=VIC)).text()
    assert "approval_needed" in page
    assert "<form" not in page
    assert "Approve this step" in await (await session.get("/incidents/1", auth=ALICE)).text()


async def test_without_users_everybody_reads_and_nobody_changes_anything():
    plain = House(mode=Mode.APPROVE)
    await plain.open(plain.trouble())
    await plain.held(reason="approval_needed")
    async with plain.public() as session:
        page = await (await session.get("/incidents/1")).text()
        assert "approval_needed" in page
        assert "<form" not in page
        answer = await session.post("/do/freeze", data={"reason": "x"})
        assert answer.status == 403
        assert "nobody_signs_in" in await answer.text()


# --- Guessing -------------------------------------------------------------------------------


async def test_a_wrong_password_lets_nobody_in_and_too_many_have_to_wait(session, house):
    wrong = aiohttp.BasicAuth("alice", "guess guess guess")
    found = [await status(session, "/", auth=wrong) for _ in range(TRIES + 1)]
    assert found == [401] * TRIES + [429]
    answer = await session.get("/", auth=wrong)
    assert int(answer.headers["Retry-After"]) > 0
    house.clock.pass_by(60)
    assert await status(session, "/", auth=ALICE) == 200


async def test_who_was_let_in_stays_in_while_others_guess(session):
    assert await status(session, "/", auth=ALICE) == 200
    wrong = aiohttp.BasicAuth("alice", "guess guess guess")
    for _ in range(TRIES + 1):
        await status(session, "/", auth=wrong)
    assert await status(session, "/", auth=ALICE) == 200


async def test_a_name_that_nobody_has_is_answered_as_a_wrong_password(session):
    texts = set()
    for name in ("alice", "nobody"):
        answer = await session.get("/", auth=aiohttp.BasicAuth(name, "guess guess guess"))
        texts.add((answer.status, await answer.text()))
    assert len(texts) == 1


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic YWxpY2U=", "Bearer x", "Basic " + "A" * 100_000]
)
async def test_a_header_that_is_none_is_a_stranger(session, header):
    try:
        assert await status(session, "/", headers={"Authorization": header}) in (400, 401)
    except aiohttp.ClientError:
        pass  # too long for the server to read at all


# --- The file -------------------------------------------------------------------------------


async def test_a_new_password_ends_the_old_one_without_a_restart(session, house, file):
    assert await status(session, "/", auth=ALICE) == 200
    file.write_text(f'users:\n  vic: {{role: viewer, password: "{LINES["vic"]}"}}\n')
    house.clock.pass_by(2)
    assert await status(session, "/", auth=ALICE) == 401
    assert await status(session, "/", auth=VIC) == 200


async def test_a_file_that_became_wrong_lets_nobody_in_and_says_so(session, house, file):
    file.write_text("users: [alice]")
    house.clock.pass_by(2)
    answer = await session.get("/", auth=ALICE)
    assert answer.status == 503
    assert "cannot be used" in await answer.text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "users"),
        ("users: {}", "user"),
        ("users: {alice: {role: king, password: x}}", "role"),
        ("users: {alice: {role: viewer, password: plain}}", "password"),
        ("users: {'a:b': {role: viewer, password: x}}", "a:b"),
        ("users: {alice: {role: viewer}}", "password"),
        ("users: {alice: {role: viewer, password: x, more: 1}}", "more"),
        ("{", "users.yml"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path, text, said):
    path = tmp_path / "users.yml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=said):
        UsersFile(path).read()


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o666])
def test_a_file_that_others_can_read_or_change_is_not_used(file, mode):
    file.chmod(mode)
    with pytest.raises(ConfigError, match="0"):
        UsersFile(file).read()


def test_passwords_are_kept_as_scrypt_with_a_salt_of_their_own():
    one, other = passwords.make("correct horse battery"), passwords.make("correct horse battery")
    assert str(one) != str(other)
    assert str(one).startswith("scrypt$")
    assert one.matches("correct horse battery")
    assert not one.matches("correct horse batterz")
    assert passwords.parse(str(one)) == one


# --- Many at once ---------------------------------------------------------------------------


async def test_tabs_that_come_back_together_are_all_let_in(session):
    found = await asyncio.gather(*(status(session, "/", auth=ALICE) for _ in range(4)))
    assert found == [200] * 4
    assert os.getpid()
