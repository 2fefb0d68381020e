"""What the healer makes of a gate's words and of its silence, in virtual time."""

import asyncio

import pytest

from healer.adapters.gates import SshGates
from healer.core.attempt import Outcome
from healer.core.look import PacemakerLook, PacemakerNode, ResourceFailures, UnitLook
from healer.core.order import Ended, Order, Token
from healer.errors import Busy, LeaseLost, OutcomeUnknown, Unreachable
from tests.healer.adapters.scripted_gate import HANG, HANG_UP, ScriptedGate, last, welcome

pytestmark = pytest.mark.looptime

ORDER = Order(
    "1.4.17",
    "web1",
    "service.restart",
    (("unit", "nginx.service"),),
    '{"boot_id":"b1","units":{"nginx.service":{"active_state":"failed","invocation_id":"i"}}}',
    30.0,
)
UNIT = {
    "kind": "unit",
    "load_state": "loaded",
    "active_state": "failed",
    "sub_state": "failed",
    "result": "signal",
    "invocation_id": "i",
    "restarts": 3,
    "state_age_seconds": 1.5,
    "reverse_dependencies": ["php.service"],
}


def gates(gate, lease=60.0):
    return SshGates(gate, cluster="first", token=Token(1, 4, "s/x"), lease_seconds=lambda: lease)


def begun(request):
    return {"v": 1, "id": request["id"], "state": "begun"}


async def test_a_look_says_who_is_there_and_what_is_seen():
    gate = ScriptedGate(welcomes=[welcome(seen={"nginx.service": UNIT, "other.service": None})])
    look = await gates(gate).look("web1", ["nginx.service", "other.service"])
    assert (look.cluster, look.node, look.boot_id, look.highest_token) == (
        "first",
        "web1",
        "b1",
        (1, 4),
    )
    assert look.holds == ("migration",)
    assert look.units == {
        "nginx.service": UnitLook(
            "nginx.service", "loaded", "failed", "failed", "signal", "i", 3, 1.5, ("php.service",)
        ),
        "other.service": None,
    }
    assert gate.requests == []


async def test_a_look_says_how_pacemaker_has_its_nodes_and_resources():
    node = {"online": True, "standby": False, "unclean": False, "able": True}
    resource = {"nodes": ["s1"], "managed": True, "failed": False, "blocked": False}
    failed = {"resource": "nfs", "node": "s1", "count": 2, "last": "Fri", "age_seconds": None}
    seen = {
        "kind": "pacemaker",
        "quorum": True,
        "maintenance": False,
        "fencing": ["s2"],
        "nodes": {"s1": node},
        "resources": {
            "nfs": resource,
            "ip": {**resource, "managed": False},
            "disk": {**resource, "blocked": True},
        },
        "failures": [failed],
    }
    gate = ScriptedGate(welcomes=[welcome(seen={"pacemaker:store": seen, "pacemaker:web": None})])
    look = await gates(gate).look("web1", ["pacemaker:store", "pacemaker:web"])
    store = look.pacemakers["store"]
    assert store == PacemakerLook(
        quorum=True,
        maintenance=False,
        fencing=("s2",),
        nodes={"s1": PacemakerNode(True, False, False, True)},
        running=dict.fromkeys(("nfs", "ip", "disk"), ("s1",)),
        failures=(ResourceFailures("nfs", "s1", 2, "Fri", None),),
        movable=frozenset({"nfs"}),
    )
    assert (store.failed("nfs", "s1"), store.failed("nfs", "s2")) == ((2, "Fri"), (0, ""))
    assert look.pacemakers["web"] is None


async def test_an_order_goes_out_once_right_after_hello_and_word_for_word():
    gate = ScriptedGate(
        lambda request: [begun(request), last(request, "done", "restarted", detail="ok")]
    )
    assert await gates(gate).act(ORDER) == Ended(Outcome.DONE, "restarted", "ok")
    assert gate.diary == [
        "open",
        {"v": 1, "hello": True, "look": []},
        {
            "v": 1,
            "nonce": "n1",
            "id": "1.4.17",
            "token": [1, 4],
            "store": "s/x",
            "cluster": "first",
            "node": "web1",
            "verb": "service.restart",
            "args": {"unit": "nginx.service"},
            "expect": {
                "boot_id": "b1",
                "units": {"nginx.service": {"active_state": "failed", "invocation_id": "i"}},
            },
            "deadline_seconds": 30.0,
        },
    ]


@pytest.mark.parametrize(
    ("state", "reason", "outcome"),
    [
        ("failed", "start_failed", Outcome.FAILED),
        ("refused", "changed", Outcome.REFUSED),
        ("unknown", "deadline", Outcome.UNKNOWN),
    ],
)
async def test_each_state_of_the_gate_is_an_outcome_with_its_word(state, reason, outcome):
    gate = ScriptedGate(lambda request: [last(request, state, reason)])
    ended = await gates(gate).act(ORDER)
    assert (ended.outcome, ended.reason) == (outcome, reason)


async def test_a_session_is_kept_and_carries_many_requests():
    gate = ScriptedGate()
    ours = gates(gate)
    await ours.look("web1", [])
    await ours.act(ORDER)
    await ours.look("web1", [])
    assert gate.diary.count("open") == 1
    await ours.close()
    assert gate.diary[-1] == "close"


@pytest.mark.parametrize(("pause", "hellos"), [(0.9, 1), (1.1, 2)])
async def test_an_order_right_after_a_look_needs_no_hello_of_its_own(pause, hellos):
    gate = ScriptedGate()
    ours = gates(gate)
    await ours.look("web1", [])
    await asyncio.sleep(pause)
    await ours.act(ORDER)
    assert sum("hello" in line for line in gate.diary if isinstance(line, dict)) == hellos


async def test_a_nonce_is_used_once():
    gate = ScriptedGate()
    ours = gates(gate)
    await ours.look("web1", [])
    await ours.act(ORDER)
    await ours.act(ORDER)
    assert sum("hello" in line for line in gate.diary if isinstance(line, dict)) == 2


async def test_a_session_that_the_gate_has_ended_is_opened_anew_for_hello():
    gate = ScriptedGate(welcomes=[welcome(), HANG_UP, welcome()])
    ours = gates(gate)
    await ours.look("web1", [])
    await ours.look("web1", [])
    assert [told for told in gate.diary if isinstance(told, str)] == ["open", "close", "open"]


@pytest.mark.parametrize(
    "answer",
    [
        welcome(node="web2"),
        welcome(cluster="second"),
        welcome(v=2),
        welcome(more="keys"),
        welcome(nonce=""),
        welcome(highest_token=[1]),
        {"v": 1, "id": None, "state": "refused", "reason": "unreachable", "detail": "no socket"},
        b"hello yourself",
        b"",
        b"\xff\xfe",
        HANG,
        HANG_UP,
    ],
    ids=str,
)
async def test_whoever_does_not_greet_as_expected_is_unreachable_and_gets_no_request(answer):
    gate = ScriptedGate(welcomes=[answer])
    for call in (
        gates(gate).look("web1", []),
        gates(gate).act(ORDER),
        gates(gate).settle("web1", "1.3.9", ""),
    ):
        with pytest.raises(Unreachable, match=r"web1|session ended"):
            await call
    assert gate.requests == []
    assert gate.diary.count("open") == gate.diary.count("close") == 3


async def test_a_silent_gate_costs_five_seconds(looptime):
    with pytest.raises(Unreachable, match="within 5 s"):
        await gates(ScriptedGate(welcomes=[HANG])).look("web1", [])
    assert looptime == 5


async def test_a_gate_that_cannot_be_reached_says_why():
    with pytest.raises(Unreachable, match="no route"):
        await gates(ScriptedGate(refuses="no route")).act(ORDER)


@pytest.mark.parametrize("left", [2.0, 0.0, -30.0])
async def test_without_a_lease_nothing_is_sent(left):
    gate = ScriptedGate()
    with pytest.raises(LeaseLost, match="was not sent"):
        await gates(gate, lease=left).act(ORDER)
    assert gate.requests == []


async def test_an_expectation_that_is_no_object_is_not_sent():
    gate = ScriptedGate()
    broken = Order("1.4.17", "web1", "service.restart", (("unit", "nginx.service"),), "[1]", 30.0)
    with pytest.raises(Unreachable, match="cannot be sent"):
        await gates(gate).act(broken)
    assert gate.requests == []


@pytest.mark.parametrize(
    "answers",
    [
        lambda request: [HANG],
        lambda request: [HANG_UP],
        lambda request: [begun(request), HANG],
        lambda request: [begun(request), HANG_UP],
        lambda request: [begun(request), begun(request)],
        lambda request: [last(request, "done", "restarted", id="1.4.16")],
        lambda request: [last(request, "done", "restarted", id=None)],
        lambda request: [last(request, "refused", "unreachable", id=None)],
        lambda request: [last(request, "excellent", "restarted")],
        lambda request: [b"x" * 100],
    ],
)
async def test_after_sending_anything_but_a_clear_end_is_unknown_and_never_sent_again(answers):
    gate = ScriptedGate(answers)
    with pytest.raises(OutcomeUnknown, match=r"web1: 1\.4\.17 was sent"):
        await gates(gate).act(ORDER)
    assert len(gate.requests) == 1
    assert gate.diary[-1] == "close"


async def test_an_order_is_waited_for_until_its_deadline_and_five_seconds_more(looptime):
    with pytest.raises(OutcomeUnknown, match="in time"):
        await gates(ScriptedGate(lambda request: [begun(request), HANG])).act(ORDER)
    assert looptime == 35


async def test_a_request_that_the_gate_could_not_read_was_refused():
    gate = ScriptedGate(lambda request: [last(request, "refused", "malformed", id=None)])
    ours = gates(gate)
    assert (await ours.act(ORDER)).outcome is Outcome.REFUSED
    await ours.look("web1", [])
    assert gate.diary.count("open") == 2  # the gate hangs up after such a line


async def test_a_cancelled_order_leaves_no_session_behind():
    gate = ScriptedGate(lambda request: [begun(request), HANG])
    ours = gates(gate)
    task = asyncio.create_task(ours.act(ORDER))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.diary[-1] == "close"
    await ours.look("web1", [])


async def test_a_look_during_an_order_is_told_at_once_that_the_gate_is_busy(looptime):
    ours = gates(ScriptedGate(lambda request: [begun(request), HANG]))
    task = asyncio.create_task(ours.act(ORDER))
    await asyncio.sleep(1)
    with pytest.raises(Busy, match=r"busy with 1\.4\.17"):
        await ours.look("web1", [])
    assert looptime == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_two_looks_at_one_node_go_one_after_the_other():
    gate = ScriptedGate()
    ours = gates(gate)
    await asyncio.gather(ours.look("web1", ["a"]), ours.look("web1", ["b"]))
    assert [told["look"] for told in gate.diary if isinstance(told, dict)] == [["a"], ["b"]]
    assert gate.diary.count("open") == 1


async def test_more_names_than_a_gate_answers_are_refused_before_sending():
    gate = ScriptedGate()
    with pytest.raises(Unreachable, match="256"):
        await gates(gate).look("web1", [str(number) for number in range(257)])
    assert [told for told in gate.diary if isinstance(told, dict)] == []
