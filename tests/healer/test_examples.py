"""Every example of the manual's list of commands, and of each command's help, is run against a healer and obeyed."""

import re
import shlex
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.ladder import Mode
from healer.words import WORDS
from tests.healer.commands import hale_healer, running
from tests.healer.web.house import House

PAGE = (Path(__file__).parents[2] / "docs/healer.md").read_text()

ALONE = {"audit", "store", "passwd"}
"""Commands that need no healer but a journal, a configuration or a terminal: they have tests of their own."""

ID = "17"


def in_the_manual() -> Iterator[str]:
    """Yield the commands of the manual's list."""
    table = PAGE.partition("| command | what it does |")[2].partition("\n\n")[0]
    yield from re.findall(r"(?m)^\| `(hale-healer [^`]+)`", table)


def in_the_help() -> Iterator[str]:
    for word in WORDS:
        yield f"hale-healer {word.name} {word.example}".rstrip()


EXAMPLES = sorted({*in_the_manual(), *in_the_help()})


async def _trouble(house: House) -> None:
    await house.open(house.trouble(), ID)


async def _held(house: House) -> None:
    await _trouble(house)
    await house.held(ID, "approval_needed")


async def _failed(house: House) -> None:
    await _trouble(house)
    await house.tried(ID, 1, Outcome.FAILED, "start_failed")
    await house.journal.write(ie.IncidentEscalated(ID, "ladder_exhausted", "1 tried"))


async def _frozen(house: House) -> None:
    await house.journal.write(ev.Frozen("moving rack b", "alice"))


async def _node_held(house: House) -> None:
    await house.journal.write(ev.NodeHeld("web1", "replacing a fan", "alice", None))


async def _well(house: House) -> None:
    house.cluster.down.clear()


GIVEN: dict[str, Callable[[House], Awaitable[None]]] = {
    "approve": _held,
    "deny": _held,
    "adopt": _failed,
    "retry": _failed,
    "unfreeze": _frozen,
    "release": _node_held,
    "admit": _well,
}
"""What a command needs to find; an open incident is there for all others."""


def words_of(example: str) -> list[str]:
    return shlex.split(example)[1:]


def test_the_manual_lists_every_command_and_the_same_order_stands_in_the_help() -> None:
    listed = list(dict.fromkeys(words_of(one)[0] for one in in_the_manual()))
    assert [one for one in listed if one not in ALONE] == [word.name for word in WORDS]
    assert set(listed) >= ALONE


@pytest.mark.parametrize("example", [one for one in EXAMPLES if words_of(one)[0] not in ALONE])
async def test_an_example_is_obeyed(example: str, tmp_path: Path) -> None:
    word, *rest = words_of(example)
    async with running(tmp_path, Mode.APPROVE) as healer:
        await GIVEN.get(word, _trouble)(healer.house)
        before = len(healer.house.store.records)
        said = await healer(word, *rest)
        after = len(healer.house.store.records)
    assert (said.code, said.err) == (0, ""), said.err
    assert said.out.strip()
    changes = word not in (
        "incidents",
        "show",
        "explain",
        "guards",
        "marks",
        "status",
        "plan",
        "evidence",
        "admit",  # of a node that nobody took away
        "reload",
    )
    assert (after > before) == changes


async def test_an_example_without_a_healer_says_where_what_and_how_to_look(tmp_path: Path) -> None:
    for word in WORDS:
        where = str(tmp_path / "ctl.sock")
        said = await hale_healer(word.name, *shlex.split(word.example), "--control", where)
        plain = "--output" not in word.example
        told = said.err if plain else said.out
        assert said.code == 3, word.name
        for part in (where, "No such file or directory", "journalctl -u hale-healer"):
            assert part in told, word.name
