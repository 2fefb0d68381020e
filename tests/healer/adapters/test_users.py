"""The file of users: read whole or not at all, and only where nobody else could have written it."""

import os
from pathlib import Path

import pytest

from healer.adapters import passwords
from healer.adapters.users import MOST_BYTES, Role, UsersFile, parse
from healer.errors import ConfigError

LINE = str(passwords.make("correct horse battery"))
GOOD = f"""users:
  alice: {{role: operator, password: "{LINE}"}}
  bob@example.com:
    role: viewer
    password: "{LINE}"
"""


def file(tmp_path: Path, text: str = GOOD, mode: int = 0o640) -> UsersFile:
    path = tmp_path / "users.yml"
    path.write_text(text)
    path.chmod(mode)
    return UsersFile(path)


def test_every_user_has_a_role_and_a_password(tmp_path: Path) -> None:
    users = file(tmp_path).read()
    assert {name: user.role for name, user in users.items()} == {
        "alice": Role.OPERATOR,
        "bob@example.com": Role.VIEWER,
    }
    assert users["alice"].name == "alice"
    assert users["alice"].password.matches("correct horse battery")


def test_a_list_of_nobody_is_a_list() -> None:
    assert parse("users: {}", "users.yml") == {}


@pytest.mark.parametrize("name", ["yes", "1", "null", "0x10", "2026-01-01"])
def test_a_name_is_text_whatever_yaml_thinks_of_it(name: str) -> None:
    assert list(parse(f'users: {{{name}: {{role: viewer, password: "{LINE}"}}}}', "f")) == [name]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o666, 0o650])
def test_a_file_that_others_can_read_or_the_group_can_change_is_refused(
    mode: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 640"):
        file(tmp_path, mode=mode).read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    users = file(tmp_path)
    os.chown(users.path, 12345, 12345)
    with pytest.raises(ConfigError, match="uid 12345 owns it"):
        users.read()


def test_what_is_no_plain_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o600)
    with pytest.raises(ConfigError, match="no plain file"):
        UsersFile(path).read()
    with pytest.raises(ConfigError, match="no plain file"):
        UsersFile(tmp_path).read()


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    gone = UsersFile(tmp_path / "users.yml")
    assert gone.version() is None
    with pytest.raises(ConfigError, match=r"No such file.*hale-healer passwd --help"):
        gone.read()


def test_a_change_of_the_text_or_of_who_may_read_it_is_another_version(tmp_path: Path) -> None:
    users = file(tmp_path)
    first = users.version()
    assert users.version() == first
    users.path.chmod(0o600)
    assert users.version() != first


USER = f'role: viewer, password: "{LINE}"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file: it has to be a mapping"),
        ("[]", "the file: it has to be a mapping"),
        ("users: [alice]", "users.yml:1:8: users: it has to be a mapping"),
        ("user: {}", "users.yml:1:1: the file: unknown key 'user'"),
        ("{}", "users is missing"),
        ("users: {a: b: c}", "users.yml:1:13: it is no YAML"),
        (f"users: {{a: {{{USER}, x: 1}}}}", "users.a: unknown key 'x'"),
        (f"users: {{a: {{{USER}}}, a: {{{USER}}}}}", "'a' stands there twice"),
        (f'users: {{"a:b": {{{USER}}}}}', "'a:b' is no name"),
        (f'users: {{"": {{{USER}}}}}', "'' is no name"),
        ("users: {a: {role: root, password: x}}", "'root' is none of viewer, operator"),
        ("users: {a: {role: viewer, password: hunter2}}", "users.a.password: it is no scrypt"),
        ("users: {a: {role: [viewer], password: x}}", "users.a.role: it has to be text"),
        ("users: {[1, 2]: {}}", "users: it has to be text"),
        ("users: !!python/object/apply:os.system ['true']", "users: it has to be a mapping"),
        ("[" * 3000, "nested too deeply"),
        ("users: {a: &a {a: *a}}", "unknown key 'a'"),
        ('users: {"\\U00110000": {}}', "a character that there is not"),
        ('users: {"\\UFFFFFFFF": {}}', "a character that there is not"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_lets_nobody_in(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse(text, "users.yml")
    assert said in str(told.value)
    assert "hunter2" not in str(told.value), (
        "a password that stood there by mistake is not repeated"
    )


def test_a_file_that_is_far_too_long_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than 262144 bytes"):
        file(tmp_path, "#" * (MOST_BYTES + 1)).read()
    users = file(tmp_path)
    users.path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        users.read()


def test_more_users_than_any_team_has_are_refused() -> None:
    many = "".join(f'  u{number}: {{role: viewer, password: "{LINE}"}}\n' for number in range(1001))
    with pytest.raises(ConfigError, match="1001 of them, of 1000"):
        parse(f"users:\n{many}", "users.yml")
