"""What can happen between the checks and `begun`, and what a session makes of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gate.ids import Token
from gate.run_lock import RunLock
from tests.gate.fakes import NGINX, World


def request(world: World, number: int = 1, **changes: Any) -> bytes:
    expect = {"active_state": NGINX.active_state, "invocation_id": NGINX.invocation_id}
    message = {
        "v": 1,
        "nonce": f"nonce-{world.nonces + 1}",
        "id": f"1.4.{number}",
        "token": [1, 4],
        "store": "journal-x",
        "cluster": "first",
        "node": "web1",
        "verb": "service.restart",
        "args": {"unit": "nginx.service"},
        "expect": {
            "boot_id": str(world.clock.boot_id()),
            "units": {"nginx.service": expect},
        },
        "deadline_seconds": 30,
    }
    return json.dumps(message | changes).encode()


def ask(world: World, *lines: bytes) -> list[Any]:
    """Say hello and ask; return the answers after hello's."""
    answers = world.talk(b'{"v":1,"hello":true}', *lines)
    return [json.loads(answer) for answer in answers[1:]]


def settle(world: World, subject: str, number: int = 90) -> Any:
    line = request(world, number, verb="action.settle", args={"id": subject})
    return ask(world, line)[0]["settled"]


class PluggedOut(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


def pull_the_plug() -> None:
    raise PluggedOut


def crash_in_restart(world: World) -> None:
    """Die as a process does: `begun` is written, no end ever is, and the lock is dropped."""

    world.systemd.during = pull_the_plug
    with pytest.raises(PluggedOut):
        ask(world, request(world))
    world.systemd.during = lambda: None


def test_begun_is_said_after_the_check_and_before_the_effect(world: World) -> None:
    assert [line["state"] for line in ask(world, request(world))] == ["begun", "done"]
    assert world.diary == [
        "/usr/sbin/nginx -t",
        "said begun",
        "reset-failed nginx.service",
        "restart nginx.service",
    ]


@pytest.mark.parametrize("happening", ["newer healer", "settled", "held", "changed", "too late"])
def test_what_happens_during_the_check_stops_the_action(world: World, happening: str) -> None:
    def newer_healer() -> None:
        with world.ledger.open() as book:
            book.admit(Token(1, 5), "journal-y")

    def settled() -> None:
        world.programs.during = lambda: None
        assert settle(world, "1.4.1")["state"] == "voided"

    def changed() -> None:
        world.systemd.restart("nginx.service", 1)

    happenings: dict[str, tuple[Callable[[], object], str]] = {
        "newer healer": (newer_healer, "lower_token"),
        "settled": (settled, "voided"),
        "held": (lambda: world.holds.place("wait", None), "held"),
        "changed": (changed, "changed"),
        "too late": (lambda: world.clock.pass_seconds(31), "deadline"),
    }
    happens, reason = happenings[happening]
    world.programs.during = happens
    (answer,) = ask(world, request(world))
    assert answer["reason"] == reason
    assert "said begun" not in world.diary
    assert "reset-failed nginx.service" not in world.diary


def test_a_hold_during_the_last_look_stops_the_action(world: World) -> None:
    """The look may take seconds, and whoever holds the node then has been told that nothing begins."""

    def hold() -> None:
        if "/usr/sbin/nginx -t" in world.diary:
            world.holds.place("wait", None)

    world.systemd.while_shown = hold
    (answer,) = ask(world, request(world))
    assert answer["reason"] == "held"
    assert "said begun" not in world.diary


@pytest.mark.parametrize(
    ("uptime", "reason"), [(29, "spacing"), (31, "restarted"), (1001, "restarted")]
)
def test_after_another_boot_only_the_time_since_it_counts_for_the_spacing(
    world: World, uptime: int, reason: str
) -> None:
    """Also once the uptime has passed the one at which it ran in the boot before."""
    assert ask(world, request(world))[-1]["reason"] == "restarted"
    world.clock.reboot()
    world.clock.boot = 0
    world.clock.pass_seconds(uptime)
    world.systemd.units["nginx.service"] = NGINX
    assert ask(world, request(world, 2))[-1]["reason"] == reason


def test_after_a_crash_the_id_is_unknown_and_the_next_action_may_run(world: World) -> None:
    crash_in_restart(world)
    world.clock.pass_seconds(60)
    again = ask(world, request(world))
    assert [(line["state"], line["reason"]) for line in again] == [("unknown", "interrupted")]
    assert [line["state"] for line in ask(world, request(world, 2))] == ["begun", "done"]
    assert settle(world, "1.4.1")["reason"] == "interrupted"


def test_the_next_action_closes_what_a_crash_left_open(world: World) -> None:
    crash_in_restart(world)
    world.clock.pass_seconds(60)
    assert ask(world, request(world, 2))[-1]["state"] == "done"
    assert settle(world, "1.4.1")["state"] == "unknown"


def test_after_another_boot_it_is_unknown_for_that_reason(world: World) -> None:
    crash_in_restart(world)
    world.clock.reboot()
    settled = settle(world, "1.4.1")
    assert (settled["state"], settled["reason"]) == ("unknown", "other_boot")
    assert settled["started_at"] is not None
    assert settled["ended_at"] is None


def test_a_crash_counts_for_the_spacing(world: World) -> None:
    crash_in_restart(world)
    world.clock.pass_seconds(29)
    assert ask(world, request(world, 2))[0]["reason"] == "spacing"


def test_a_refused_action_leaves_the_lock_free(world: World) -> None:
    world.holds.place("wait", None)
    ask(world, request(world))
    assert RunLock(world.lock_path).is_free()


def test_units_that_cannot_be_read_count_as_changed(world: World) -> None:
    world.systemd.readable = False
    (answer,) = ask(world, request(world))
    assert (answer["state"], answer["reason"]) == ("refused", "changed")


def test_an_end_that_cannot_be_written_is_said_all_the_same(world: World) -> None:
    """The next look finds `begun` without an end, which is unknown: never more than was seen."""

    ledger, away = world.ledger.path, world.ledger.path.with_name("away")
    world.systemd.during = lambda: ledger.rename(away)
    last = ask(world, request(world))[-1]
    assert last["state"] == "done"
    assert "not written" in last["detail"]
    away.rename(ledger)
    assert settle(world, "1.4.1")["state"] == "unknown"


def test_explaining_leaves_no_trace(world: World) -> None:
    before = world.ledger.path.read_bytes()
    for _ in range(3):
        world.talk(b'{"v":1,"hello":true,"look":["nginx.service","ssh.service"]}')
    assert world.ledger.path.read_bytes() == before
    assert sorted(path.name for path in world.ledger.path.parent.iterdir()) == ["ledger"]
    assert not world.lock_path.exists()
    assert world.diary == []
