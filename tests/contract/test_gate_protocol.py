"""The healer's side of the gate protocol and the gate's, put together without a wire between them.

Neither imports the other, so only these tests notice when one of them moves.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate import protocol, replies, words
from gate.expect import DatabaseExpect
from gate.holds import Hold
from gate.ids import ActionId
from gate.ids import Token as GateToken
from gate.patroni import MemberSeen, Sight
from gate.protocol import Hello, Request
from gate.restores import Proof
from gate.seen import BackupSeen, FileSystemSeen
from gate.units import Seen
from gate.verbs import KNOWN
from gate.words import Reason, State
from healer.adapters import gate_lines as wire
from healer.adapters.gate_welcome import welcome_of
from healer.core import incident_events as ie
from healer.core.attempt import PASSING_REFUSALS, Outcome
from healer.core.decide import decide
from healer.core.decision import Act
from healer.core.draft import expect
from healer.core.ladder import Ladder, Mode
from healer.core.look import BackupLook, DatabaseLook, DatabaseMember, Heard, Look
from healer.core.order import Order, Token
from healer.core.plan import Plan, plan
from tests.gate.fakes import NGINX
from tests.gate.fakes import World as Node
from tests.healer.core.replicated import replicated
from tests.healer.core.world import RESTART, alert, topology
from tests.healer.core.world import World as Healer

TRANSCRIPTS = Path(__file__).parents[1] / "gate/transcripts"
TOKEN = Token(1, 4, "store-1/start-1")
EXPECT = '{"boot_id":"b","units":{"nginx.service":{"active_state":"failed","invocation_id":"i"}}}'
ORDER = Order("1.4.17", "web1", "service.restart", (("unit", "nginx.service"),), EXPECT, 30.0)

texts = st.text(max_size=40)


def asked(line: bytes) -> Hello | Request:
    """Let the gate read a line as its channel gives it: without the newline."""
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    return protocol.parse_line(line[:-1])


# --- Healer to gate -------------------------------------------------------------------------


@given(st.lists(texts, max_size=8))
def test_the_gate_reads_every_hello_that_the_healer_writes(names: list[str]) -> None:
    assert asked(wire.hello(tuple(names))) == Hello(tuple(names))


@given(texts, texts, st.floats(0.001, protocol.DEADLINE_LIMIT), st.integers(1, 2**62))
def test_the_gate_reads_every_request_that_the_healer_writes(
    unit: str, nonce: str, deadline: float, number: int
) -> None:
    args = (("unit", unit),)
    order = replace(ORDER, action_id=f"1.4.{number}", args=args, deadline_seconds=deadline)
    found = asked(wire.request(order, cluster="first", token=TOKEN, nonce=nonce))
    assert isinstance(found, Request)
    assert (found.id, found.token) == (ActionId(1, 4, number), GateToken(1, 4))
    assert (found.cluster, found.node, found.store) == ("first", "web1", TOKEN.store)
    assert (found.verb, found.args, found.nonce) == ("service.restart", {"unit": unit}, nonce)
    assert found.deadline_seconds == deadline


def test_the_gate_reads_what_the_healer_expects_of_the_node() -> None:
    world = Healer()
    world.journal(ie.IncidentOpened("1", alert(), "restart-service", "d1"))
    incident = world.board.incidents["1"]
    step = plan(incident, world.topology)
    assert isinstance(step, Plan)
    expected = expect(step.proposal, world.facts(incident))
    order = replace(ORDER, expect=expected)
    found = asked(wire.request(order, cluster="first", token=TOKEN, nonce="n"))
    assert isinstance(found, Request)
    assert found.expect.boot_id == "boot-1"
    unit = found.expect.units.get("nginx.service")
    assert unit is not None
    assert (unit.active_state, unit.invocation_id) == ("active", "i1")


def test_the_gate_reads_who_leads_and_who_is_to_lead_next() -> None:
    world = replicated()
    cause = alert("NodeFailing", "db1", heal="move-away", group="db")
    world.journal(ie.IncidentOpened("1", cause, "move-away", "d1"))
    world.down.add(cause.target)
    world.now += 300
    decision = decide(world.board.incidents["1"], world.facts(world.board.incidents["1"]), None)
    assert isinstance(decision, Act)
    proposal = decision.proposal
    told = {"verb": proposal.rung.action, "args": proposal.args, "expect": decision.expect}
    order = replace(ORDER, node=proposal.gate, **told)
    found = asked(wire.request(order, cluster="first", token=TOKEN, nonce="n"))
    assert isinstance(found, Request)
    assert found.expect.databases == {"main": DatabaseExpect("db1", 4)}
    assert found.args["candidate"] == "db2"


def test_the_gate_reads_the_healers_settle_under_an_id_that_no_action_has() -> None:
    line = wire.settle("1.3.2", node="web1", cluster="first", token=TOKEN, nonce="n")
    found = asked(line)
    assert isinstance(found, Request)
    assert (found.verb, found.args) == ("action.settle", {"id": "1.3.2"})
    assert found.id.number == 0


def test_every_rung_of_every_ladder_is_a_verb_that_the_gate_has() -> None:
    rungs = [rung for ladder in topology().ladders.values() for rung in ladder.rungs]
    assert {rung.action for rung in rungs} - {"person.call"} <= set(KNOWN)


# --- Gate to healer -------------------------------------------------------------------------


def test_the_healer_reads_everything_that_a_gate_sees() -> None:
    queued = replace(NGINX, job=True)
    seen = {"nginx.service": Seen(queued, 1.5, ("app.service",)), "ghost.service": None}
    seen |= {"/data": FileSystemSeen(1000, 10, "/dev/sdb1"), "/nowhere": None}
    holds = (Hold("a person looks", None), Hold("fan", "2026-01-02T03:04:05Z"))
    answer = replies.Welcome("first", "web1", "b1", "l1", GateToken(1, 4), "n1", holds, seen)
    look = welcome_of(replies.welcome(answer)).look()
    assert (look.cluster, look.node, look.boot_id, look.ledger_id) == ("first", "web1", "b1", "l1")
    assert (look.highest_token, look.holds) == ((1, 4), ("a person looks", "fan"))
    unit = look.units["nginx.service"]
    assert unit is not None
    assert (unit.active_state, unit.result, unit.age_seconds) == ("failed", "signal", 1.5)
    assert (unit.reverse_dependencies, unit.job) == (("app.service",), True)
    assert look.units["ghost.service"] is None
    assert look.disks == {"/data": "/dev/sdb1"}


def test_the_healer_reads_a_database_as_a_gate_sees_it() -> None:
    copy = MemberSeen("replica", "creating replica", None, None, True)
    leader = MemberSeen("leader", "running", 4, None, False)
    sight = Sight("db1", 4, True, True, False, {"db1": leader, "db2": copy})
    answer = replies.Welcome(
        *("first", "db1", "b1", "l1", None, "n1", ()),
        {"database:main": sight, "database:gone": None},
    )
    look = welcome_of(replies.welcome(answer)).look()
    assert look.databases == {
        "main": DatabaseLook(
            leader="db1",
            timeline=4,
            paused=True,
            synchronous=True,
            members={
                "db1": DatabaseMember("leader", "running", 4, None, barred=False),
                "db2": DatabaseMember("replica", "creating replica", None, None, barred=True),
            },
        ),
        "gone": None,
    }


def test_the_healer_reads_what_a_gate_may_put_back() -> None:
    proof = Proof("a" * 64, "2026-11-28T02:00:00Z", "2026-11-28T03:00:00Z", None)
    changed = ("2026-11-28T09:12:00Z", "2026-11-28T09:15:00Z")
    nothing = BackupSeen(None, None, None)
    seen = {"backup:site": BackupSeen(proof, *changed), "backup:none": nothing}
    answer = replies.Welcome(
        "first", "web1", "b1", "l1", None, "n1", (), {**seen, "backup:x": None}
    )
    look = welcome_of(replies.welcome(answer)).look()
    assert look.backup("backup:site") == BackupLook(
        "a" * 64, "2026-11-28T02:00:00Z", "2026-11-28T03:00:00Z", *changed
    )
    assert look.backup("backup:none") == BackupLook()
    assert look.backup("backup:x") is None


def test_the_gate_reads_which_snapshot_the_healer_expects() -> None:
    expected = '{"backups":{"site":{"snapshot":"abc"}},"boot_id":"b"}'
    order = Order("1.4.17", "web1", "files.restore", (("backup", "site"),), expected, 30.0)
    read = asked(wire.request(order, cluster="first", token=TOKEN, nonce="n"))
    assert isinstance(read, Request)
    assert read.expect.backups == {"site": "abc"}


def test_the_healer_reads_a_gate_that_knows_next_to_nothing() -> None:
    answer = replies.Welcome("first", "web1", "b1", None, None, "n1", (), {})
    look = welcome_of(replies.welcome(answer)).look()
    assert look == Look("first", "web1", "b1", "", None, (), {})


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.REFUSED, State.UNKNOWN])
def test_the_healer_reads_every_last_line_that_a_gate_can_write(
    state: State, reason: Reason
) -> None:
    line = replies.last(ActionId.parse("1.4.17"), words.Outcome(state, reason, "why"))
    ended = wire.answer_of(line, "1.4.17").ended()
    assert (ended.outcome, ended.reason, ended.detail) == (Outcome(state), reason, "why")


@pytest.mark.parametrize("state", [one for one in State if one is not State.BEGUN])
def test_the_healer_reads_how_a_settled_action_stands(state: State) -> None:
    settled = words.Outcome(state, "word", "why", "2026-01-02T03:04:05Z", None, "b1")
    done = words.Outcome(State.DONE, Reason.SETTLED, "")
    found = wire.answer_of(replies.last(ActionId.parse("1.4.0"), done, settled), "1.4.0").settled
    assert found is not None
    ended = found.ended()
    match state:
        case State.RUNNING:
            assert ended is None
        case State.VOIDED:
            assert ended is not None
            assert ended.outcome is Outcome.NOT_SENT
        case _:
            assert ended is not None
            assert ended.outcome is Outcome(state)


def test_a_gate_that_is_not_there_is_no_end_of_anything() -> None:
    with pytest.raises(ValueError, match="None"):
        wire.answer_of(replies.unreachable("no such socket"), "1.4.17")


# --- Words and limits -----------------------------------------------------------------------


def test_both_sides_have_the_same_words_and_limits() -> None:
    told = set(get_args(wire.Answer.model_fields["state"].annotation))
    settled = set(get_args(wire.Settled.model_fields["state"].annotation))
    assert told | settled == set(State)
    assert (wire.LINE_LIMIT, wire.LOOK_LIMIT) == (protocol.LINE_LIMIT, protocol.LOOK_LIMIT)


def test_the_refusals_that_pass_are_words_that_a_gate_says() -> None:
    assert set(Reason) >= PASSING_REFUSALS


# --- A whole conversation -------------------------------------------------------------------


def test_a_disk_is_freed_only_while_it_is_the_one_that_was_looked_at(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.clock.pass_seconds(3600)
    full = alert("FilesystemAlmostFull", "web1", mountpoint="/data")
    free = Ladder("free-disk", Mode.ACT, (replace(RESTART, action="disk.free", fast=False),))
    healer = Healer(topology=replace(topology(), ladders={free.name: free}))
    healer.journal(ie.IncidentOpened("1", full, "free-disk", "d1"))
    incident = healer.board.incidents["1"]
    step = plan(incident, healer.topology)
    assert isinstance(step, Plan)
    (line,) = node.talk(wire.hello((step.proposal.look,))[:-1])
    look = welcome_of(line).look()
    facts = replace(healer.facts(incident), gates={"web1": Heard(look)})
    expected = expect(step.proposal, facts)
    ends = []
    for number, device in ((17, "/dev/sdc1"), (18, "/dev/sdb1")):
        node.disks.table = (*node.disks.table[:-1], replace(node.disks.table[-1], device=device))
        order = Order(f"1.4.{number}", "web1", "disk.free", step.proposal.args, expected, 30.0)
        nonce = f"nonce-{node.nonces + 1}"
        told = wire.request(order, cluster="first", token=TOKEN, nonce=nonce)[:-1]
        ends.append(wire.answer_of(node.talk(wire.hello(())[:-1], told)[-1], order.action_id))
    assert [(one.state, one.reason) for one in ends] == [("refused", "changed"), ("done", "freed")]


def test_hello_restart_and_settle_in_one_session(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (line,) = node.talk(wire.hello(("nginx.service",))[:-1])
    seen = welcome_of(line)
    unit = seen.look().units["nginx.service"]
    assert unit is not None
    facts = {"active_state": unit.active_state, "invocation_id": unit.invocation_id}
    expected = json.dumps({"boot_id": seen.boot_id, "units": {"nginx.service": facts}})

    order = replace(ORDER, expect=expected)
    hello, begun, end = node.talk(
        wire.hello(())[:-1],
        wire.request(order, cluster="first", token=TOKEN, nonce="nonce-2")[:-1],
    )
    assert welcome_of(hello).nonce == "nonce-2"
    assert wire.answer_of(begun, "1.4.17").state == "begun"
    assert wire.answer_of(end, "1.4.17").ended().outcome is Outcome.DONE

    line = wire.settle("1.4.17", node="web1", cluster="first", token=TOKEN, nonce="nonce-3")
    *_, told = node.talk(wire.hello(())[:-1], line[:-1])
    settled = wire.answer_of(told, wire.settle_id(TOKEN)).settled
    assert settled is not None
    ended = settled.ended()
    assert ended is not None
    assert (ended.outcome, ended.reason) == (Outcome.DONE, "restarted")


# --- The gate's golden transcripts ----------------------------------------------------------

# What a transcript leaves out because it is null or the same in every line.
WELCOME: dict[str, Any] = {
    "v": 1,
    "boot_id": "b",
    "ledger_id": None,
    "highest_token": None,
    "marks": [],
}
UNIT = {"state_age_seconds": None, "restarts": None}


def spoken() -> Iterator[Any]:
    for path in sorted(TRANSCRIPTS.glob("*.txt")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.match(r"  \{", line):
                yield pytest.param(json.loads(line), id=f"{path.stem}:{number}")


@pytest.mark.parametrize("said", list(spoken()))
def test_the_healer_reads_every_line_of_the_gates_transcripts(said: dict[str, Any]) -> None:
    if "nonce" in said:
        seen = {name: unit and {**UNIT, **unit} for name, unit in said["seen"].items()}
        holds = [{"until": None, **hold} for hold in said["holds"]]
        welcome_of(json.dumps({**WELCOME, **said, "seen": seen, "holds": holds}).encode())
    else:
        action = said.get("id")
        answer = wire.answer_of(json.dumps({"v": 1, "id": None, **said}).encode(), action or "none")
        assert answer.state == said["state"]
