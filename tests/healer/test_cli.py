"""hale-healer as people run it: a process of its own, against a real control socket."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from healer.adapters.users import Role, parse
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.guards import GUARDS
from healer.core.ladder import Mode
from healer.core.order import Token
from healer.errors import ConfigError
from healer.first_era import Heard, hear, initial_era
from healer.web.server import control_app, public_app, serving
from tests.healer.core.world import alert
from tests.healer.web.house import HOSTILE, House

ROOT = Path(__file__).parents[2]
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


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def hale_healer(
    *argv: str, sudo_user: str = "", typed: bytes = b"", folder: Path = ROOT
) -> Said:
    """Run the command as a person does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "healer.cli", *argv),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "SUDO_USER": sudo_user, "COLUMNS": "100"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(typed)
    return Said(process.returncode or 0, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Healer:
    """A running one, and the commands against it."""

    house: House
    path: Path

    async def __call__(self, *argv: str, sudo_user: str = "") -> Said:
        control = ("--control", str(self.path))
        return await hale_healer(*argv, *control, sudo_user=sudo_user, folder=self.path.parent)


@asynccontextmanager
async def running(tmp_path: Path, mode: Mode = Mode.ACT) -> AsyncIterator[Healer]:
    house, path = House(mode), tmp_path / "ctl.sock"
    await house.arm()
    public, commands = public_app(house.desk), control_app(house.desk)
    async with serving(public, "127.0.0.1:0", commands, path), asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        yield Healer(house, path)
        upkeep.cancel()


async def test_a_held_incident_is_listed_shown_and_explained(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        await healer.house.open(healer.house.trouble())
        await healer.house.held()
        listed = await healer("incidents")
        shown = await healer("show", "1")
        explained = await healer("explain", "1")
    assert (listed.code, shown.code, explained.code) == (0, 0, 0)
    head, row = listed.out.splitlines()
    assert head.split() == ["ID", "STATE", "TARGET", "CAUSE", "SINCE", "REASON", "NEXT"]
    assert row.index("web1/nginx") == head.index("TARGET")
    assert row.index("capacity") == head.index("REASON")
    assert "ServiceDown at web1/nginx is held: capacity." in shown.out
    assert re.search(r"capacity +HOLDS capacity +0 left in web +1 left in web", shown.out)
    assert re.search(r"Z +held +capacity +capacity holds: has 0 left in web; needs", shown.out)
    assert re.search(r"web1 +hale-gate hold .working on it. --for 2h +let nothing", shown.out)
    assert re.search(r"^Hale +would act$", explained.out, re.M)
    assert len(re.findall(r"^\w+ +allows ", explained.out, re.M)) == len(GUARDS)


async def test_what_holds_is_said_in_full_below_the_table(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        healer.house.trouble()
        healer.house.cluster.deaf.add("web1")
        said = await healer("explain", "web1/nginx")
    table, _, below = said.out.partition("\nknown_target: ")
    assert re.search(
        r"^known_target +HOLDS gate_silent +web1: no route to host +web1/nginx in", table, re.M
    )
    assert below.startswith(
        "The gate of web1 does not answer, so nothing can be done through it.\n"
    )
    assert "  has    web1: no route to host\n  needs  web1/nginx in cluster.yml" in below


async def test_json_is_what_the_api_says(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        await healer.house.open(healer.house.trouble())
        await healer.house.healed()
        for command in (("incidents", "--state", "all"), ("show", "1"), ("guards",), ("status",)):
            said = await healer(*command, "--output", "json")
            assert said.code == 0
            assert isinstance(said.json, dict)
        assert (await healer("show", "1", "--output", "json")).json["outcome"] == "healed"
        assert (await healer("incidents", "--output", "json")).json == {"incidents": []}


async def test_every_command_of_people_is_obeyed_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, Mode.APPROVE) as healer:
        house = healer.house
        await house.open(house.trouble())
        await house.asked()
        said = [
            await healer("approve", "1"),
            await healer("deny", "1"),
            await healer("adopt", "1"),
            await healer("freeze", "moving rack b", sudo_user="alice"),
            await healer("unfreeze"),
            await healer("freeze"),
            await healer("hold", "web1", "replacing a fan", "--for", "2h"),
            await healer("release", "web1"),
        ]
        told = [type(record.event).__name__ for record in house.store.records[-8:]]
    assert [one.code for one in said] == [0] * 8
    assert said[0].out.startswith(
        "incident 1: yes to service.restart (rung 1) on web1/nginx, once, good"
    )
    assert told == [
        "ApprovalGiven",
        "ApprovalDenied",
        "IncidentAdopted",
        "Frozen",
        "Unfrozen",
        "Frozen",
        "NodeHeld",
        "NodeReleased",
    ]
    frozen = house.store.records[-5].event
    assert isinstance(frozen, ev.Frozen)
    assert frozen.reason == "moving rack b"
    assert frozen.by.endswith("(sudo: alice)")


async def test_what_failed_is_retried_and_what_a_person_settled_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        house = healer.house
        await house.open(house.trouble())
        await house.tried("1", 1, Outcome.FAILED, "start_failed")
        early = await healer("retry", "1")
        await house.journal.write(ie.IncidentEscalated("1", "ladder_exhausted", "1 tried"))
        again = await healer("retry", "1", "--output", "json")
        closed = await healer("close", "1", "--reason", "replaced the disk", sudo_user="alice")
        late = await healer("close", "1", "--reason", "again")
        unsaid = await healer("close", "1")
    assert (
        early.err
        == "hale-healer: not_retryable: incident 1 is open: its next try comes by itself\n"
    )
    assert (again.code, again.json["incident"]) == (0, "1")
    assert closed.out.startswith("incident 1: closed; what still fires is not touched")
    assert late.err == "hale-healer: not_closable: incident 1 is closed\n"
    assert (early.code, late.code, unsaid.code) == (1, 1, 2)
    settled = house.store.records[-2].event
    assert isinstance(settled, ie.IncidentSettled)
    assert settled.by.endswith("(sudo: alice)")


async def test_status_and_guards_say_what_stops_the_healer(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        stranger = alert(at="web9/nginx")
        await healer.house.journal.write(
            ev.Frozen("moving rack b", "alice"),
            ev.NodeHeld("web2", "new disk", "bob", None),
            ev.AlertRefused(stranger, "unknown_target", "no web9/nginx here."),
        )
        status, guards = await healer("status"), await healer("guards")
    assert re.search(r"nothing is done +person: Frozen by alice: moving rack b", status.out)
    assert re.search(r"held +web2 until released: new disk \(by bob\)", status.out)
    assert re.search(r"ServiceDown +unknown_target +no web9/nginx here.", status.out)
    assert re.search(r"still_true +depends on the target +the rule's own expression", guards.out)
    assert re.search(r"healer.guards.still_true.max_age +60 +still_true", guards.out)


async def test_without_an_incident_the_guards_say_what_needs_no_target(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        watch = healer.house.watch
        watch.look_at_nodes(await healer.house.gatherer.picture(), healer.house.topology)
        calm = await healer("guards")
        asked = await healer("guards", "web1/nginx")
        watch.storing = watch.leading = False
        await healer.house.journal.write(ev.Frozen("moving rack b", "alice"))
        stopped = await healer("guards")
        told = (await healer("guards", "--output", "json")).json
    assert re.search(r"^not_stopped +allows +no freeze, silence", calm.out, re.M)
    assert re.search(r"^sees_enough +allows +leader, Watchdog, 4 of 4 nodes ", calm.out, re.M)
    assert re.search(r"^capacity +depends on the target +every group", calm.out, re.M)
    assert "For the word of every guard name a target: hale-healer guards" in calm.out
    assert "Nothing is done anywhere" not in calm.out
    assert "For the word of every guard" not in asked.out
    assert re.search(
        r"^Supposed, web1/nginx, ladder restart-service, service.restart", asked.out, re.M
    )
    assert stopped.out.startswith(
        "Nothing is done anywhere\nperson      Frozen by alice: moving rack b\n"
    )
    assert re.search(r"^store +The journal has no room", stopped.out, re.M)
    assert re.search(r"^not_stopped +HOLDS frozen +no freeze, silence", stopped.out, re.M)
    assert "\nnot_stopped: A person froze Hale." in stopped.out
    assert "  has    moving rack b (by alice)\n  needs  no freeze" in stopped.out
    assert "\nsees_enough: Another healer leads, or this one's lease ran out." in stopped.out
    assert [one["reason"] for one in told["freezes"]] == ["person", "not_leader", "store"]
    words = {one["guard"]: one["now"] for one in told["guards"]}
    assert (words["not_stopped"]["reason"], words["capacity"]) == ("frozen", None)


async def test_an_empty_list_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        assert (await healer("incidents")).out == "No incident.\n"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("show", "99"), "unknown_incident"),
        (("show", "../status"), "unknown_incident"),
        (("approve", "99"), "unknown_incident"),
        (("unfreeze",), "not_frozen"),
        (("explain", "web9/nginx"), "unknown_target"),
        (("incidents", "--state", "gone"), "unknown_state"),
        (("freeze", "two\nlines"), "malformed"),
    ],
)
async def test_what_the_healer_refuses_ends_with_1_and_the_word(
    command: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    async with running(tmp_path) as healer:
        said = await healer(*command)
        shown = await healer(*command, "--output", "json")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"hale-healer: {word}: ")
    assert (shown.code, shown.json["reason"]) == (1, word)


@pytest.mark.parametrize("given", [("--action", "node.reboot"), ("--ladder", "restart-service")])
async def test_what_is_supposed_of_no_target_is_no_command(
    given: tuple[str, str], tmp_path: Path
) -> None:
    async with running(tmp_path) as healer:
        said = await healer("guards", *given)
        shown = await healer("guards", *given, "--output", "json")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"hale-healer: malformed: {' '.join(given)} is supposed of a target")
    assert said.err.endswith(f"Say: hale-healer guards NODE/SERVICE {' '.join(given)}\n")
    assert (shown.code, shown.json["reason"]) == (2, "malformed")


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


async def test_a_target_that_is_empty_is_not_taken_for_none(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        said = await healer("guards", "")
        frozen = await healer("freeze", "")
    assert (said.code, said.err) == (
        1,
        "hale-healer: malformed: guards: target has to be one line of printable text\n",
    )
    assert frozen.code == 0


async def test_hostile_labels_cannot_move_the_terminal(tmp_path: Path) -> None:
    async with running(tmp_path) as healer:
        await healer.house.open(healer.house.trouble(service=HOSTILE, heal=HOSTILE))
        await healer.house.journal.write(ie.IncidentEscalated("1", HOSTILE, HOSTILE))
        said = [await healer("incidents"), await healer("show", "1"), await healer("status")]
    for one in said:
        assert one.code == 0
        assert "\x1b" not in one.out
        assert "\u202e" not in one.out


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
