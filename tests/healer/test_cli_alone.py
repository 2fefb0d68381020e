"""Commands where no healer answers or none is asked: exit codes, help, passwords and the era of a new journal."""

import asyncio
import re
import socket
from pathlib import Path

import pytest

from healer.adapters.users import Role, parse
from healer.core.order import Token
from healer.errors import ConfigError
from healer.first_era import Heard, hear, initial_era
from tests.healer.commands import ROOT, hale_healer
from tests.healer.web.house import House

COMMANDS = (
    "explain",
    "incidents",
    "show",
    "approve",
    "deny",
    "freeze",
    "unfreeze",
    "adopt",
    "retry",
    "close",
    "hold",
    "release",
)
ALL = (
    *COMMANDS,
    "guards",
    "marks",
    "status",
    "admit",
    "evidence",
    "maintenance",
    "plan",
    "roll",
    "reload",
    "run",
    "passwd",
)


@pytest.mark.parametrize("command", [("status",), ("freeze", "x"), ("show", "1")])
async def test_where_no_healer_answers_it_ends_with_3_and_says_how_to_look(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "ctl.sock"
    said = await hale_healer(*command, "--control", str(path))
    shown = await hale_healer(*command, "--control", str(path), "--output", "json")
    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("hale-healer: unreachable: no healer answers: ")
    assert f"{path}: No such file or directory" in said.err
    assert "systemctl status hale-healer" in said.err
    assert (shown.code, shown.json["reason"]) == (3, "unreachable")


async def test_a_socket_behind_which_something_else_answers_is_no_healer(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(babble, path):
        said = await hale_healer("status", "--control", str(path))
    assert said.code == 3
    assert "no healer" in said.err


async def test_a_socket_on_which_nobody_listens_any_more(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    said = await hale_healer("status", "--control", str(path))
    assert (said.code, "Connection refused" in said.err) == (3, True)


@pytest.mark.parametrize("argv", [(), ("heal",), ("show",), ("approve",), ("store",), ("audit",)])
async def test_what_makes_no_sense_ends_with_2(argv: tuple[str, ...]) -> None:
    assert (await hale_healer(*argv)).code == 2


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        (("show", ""), "incident"),
        (("approve", " "), "incident"),
        (("explain", ""), "target"),
        (("hold", "web1", ""), "reason"),
    ],
)
async def test_an_empty_word_is_named(command: tuple[str, ...], argument: str) -> None:
    said = await hale_healer(*command)
    assert (said.code, said.out) == (2, "")
    assert f"error: argument {argument}: it is empty" in said.err


@pytest.mark.parametrize("command", [*ALL, "store init", "store status"])
async def test_help_has_one_line_one_example_and_the_exit_codes(command: str) -> None:
    said = await hale_healer(*command.split(), "--help")
    assert said.code == 0
    assert f"example:\n  hale-healer {command}" in said.out
    assert "3  no healer answers here" in said.out


@pytest.mark.parametrize("command", ["store", "audit"])
async def test_each_exit_status_has_a_line_of_its_own(command: str) -> None:
    said = await hale_healer(command, "--help")
    assert re.search(r"^exit status:\n  0  .+\n  1  .+\n  2  .+\n", said.out, re.M)


async def test_the_list_of_commands_has_a_line_for_each() -> None:
    said = await hale_healer("--help")
    for command in (*ALL, "store", "audit"):
        assert re.search(rf"^ +{command}(?: +|\n {{10,}})\S", said.out, re.M)  # a long one wraps


async def test_every_command_in_the_runbooks_and_the_manual_is_one() -> None:
    pages = [*(ROOT / "runbooks").glob("*.md"), ROOT / "docs/healer.md"]
    named = {
        found
        for page in pages
        for found in re.findall(r"(?:^|`)hale-healer ([a-z]+)", page.read_text(), re.M)
    }
    assert named <= {*ALL, "store", "audit"}


# --- Passwords -------------------------------------------------------------------------------


async def test_the_line_that_passwd_prints_is_one_that_the_file_of_users_takes() -> None:
    typed = b"correct horse battery\n"
    said = await hale_healer("passwd", "alice", "--role", "operator", typed=typed)
    assert (said.code, said.err) == (0, "")
    alice = parse(f"users:\n{said.out}", "users.yml")["alice"]
    assert alice.role is Role.OPERATOR
    assert alice.password.matches("correct horse battery")
    shown = await hale_healer("passwd", "bob", "--output", "json", typed=typed)
    assert (shown.json["name"], shown.json["role"]) == ("bob", "viewer")
    assert "horse" not in said.out + shown.out


@pytest.mark.parametrize(
    ("name", "typed", "why"),
    [
        ("alice", b"short\n", "12 to 256 characters"),
        ("alice", b"", "12 to 256 characters"),
        ("alice", b"x" * 12 + b"\x1b\n", "printable"),
        ("alice", b"\xff" * 12 + b"\n", "printable"),
        ("a:b", b"correct horse battery\n", "is no name"),
    ],
)
async def test_passwd_says_why_it_makes_no_line(name: str, typed: bytes, why: str) -> None:
    said = await hale_healer("passwd", name, typed=typed)
    assert (said.code, said.out) == (2, "")
    assert why in said.err


# --- The era of a new journal ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("highest", "wanted", "era"), [(0, None, 1), (4, None, 5), (4, 5, 5), (4, 9, 9)]
)
def test_a_new_journal_begins_above_what_gates_have_obeyed(
    highest: int, wanted: int | None, era: int
) -> None:
    assert initial_era(Heard(highest, ()), wanted) == era


@pytest.mark.parametrize("wanted", [4, 0, -1])
def test_an_era_that_gates_would_refuse_is_refused_here(wanted: int) -> None:
    with pytest.raises(ConfigError, match="use --era 5 or more"):
        initial_era(Heard(4, ()), wanted)


def test_a_silent_gate_needs_a_person_to_choose() -> None:
    heard = Heard(4, (("web1", "no route to host"),))
    with pytest.raises(ConfigError, match=r"web1: no route to host.*--era N"):
        initial_era(heard, None)
    assert initial_era(heard, 7) == 7


async def test_every_gate_is_asked_and_nothing_is_done() -> None:
    house = House()
    house.gates.token = (3, 9)
    house.cluster.deaf.add("web2")
    heard = await hear(house.gates, house.topology.nodes)
    assert heard == Heard(3, (("web2", "web2: no route to host"),))
    assert not house.gates.orders
    assert Token(4, 1) > Token(*house.gates.token)
