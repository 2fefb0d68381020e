"""The reads over a real socket."""

from dataclasses import replace
from typing import Any

import pytest

from healer.core import events as ev
from healer.core.decide import decide
from healer.core.guards import GUARDS
from healer.engine import STUCK_SECONDS
from healer.errors import ConfigError
from healer.instants import rfc3339
from tests.healer.core.world import alert
from tests.healer.fakes import FakeStore
from tests.healer.web.house import HOSTILE, House


async def read(house: House, path: str) -> tuple[int, Any]:
    async with house.public() as session:
        response = await session.get(path)
        return response.status, await response.json()


async def test_incidents_are_listed_newest_first_with_what_comes_next() -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    await house.healed()
    await house.open(alert(at="web2/nginx", began=house.clock.wall()), "2")
    await house.held("2")
    code, shown = await read(house, "/api/v1/incidents")
    assert code == 200
    second, first = shown["incidents"]
    assert (second["id"], second["state"], second["target"]) == ("2", "held", "web2/nginx")
    assert second["reason"] == "capacity"
    assert second["next"].startswith("service.restart on web2/nginx, once capacity allows")
    assert (first["id"], first["state"], first["reason"]) == ("1", "closed", "healed")


@pytest.mark.parametrize(
    ("state", "ids"), [("", ["2", "1"]), ("open", ["2"]), ("held", ["2"]), ("closed", ["1"])]
)
async def test_incidents_can_be_asked_for_by_state(state: str, ids: list[str]) -> None:
    house = House()
    await house.open(house.trouble())
    await house.healed()
    await house.open(alert(at="web2/nginx"), "2")
    await house.held("2")
    _, shown = await read(house, f"/api/v1/incidents?state={state}")
    assert [one["id"] for one in shown["incidents"]] == ids


async def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    code, shown = await read(House(), "/api/v1/incidents?state=gone")
    assert code == 400
    assert "escalated" in shown["detail"]


async def test_an_incident_tells_its_life_its_attempts_and_its_guards() -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    await house.healed()
    code, shown = await read(house, "/api/v1/incidents/1")
    assert code == 200
    assert [(one["kind"], one["state"], one["reason"]) for one in shown["timeline"]] == [
        ("opened", "open", ""),
        ("held", "held", "capacity"),
        ("action_intended", "acting", ""),
        ("action_ended", "open", "start_failed"),
        ("action_intended", "acting", ""),
        ("action_ended", "verifying", "restarted"),
        ("verified", "verified", "proved"),
        ("closed", "closed", "healed"),
    ]
    assert [(one["action_id"], one["rung"], one["outcome"]) for one in shown["attempts"]] == [
        ("1.1.1", 1, "failed"),
        ("1.1.2", 1, "verified"),
    ]
    assert shown["attempts"][0]["detail"] == "nginx: [emerg]\nno port"
    assert shown["guards"] == [
        {
            "guard": "known_target",
            "allows": True,
            "reason": None,
            "have": "first/web1",
            "need": "its gate",
            "sentence": "",
            "passing": False,
        }
    ]
    assert shown["opened_at"] == "2027-01-15T08:01:00.000Z"
    assert shown["cause"]["labels"]["service"] == "nginx"


async def test_each_record_is_read_from_the_store_once() -> None:
    house = House()
    await house.open(house.trouble())
    async with house.public() as session:
        for _ in range(3):
            await session.get("/api/v1/incidents/1")
        await house.held()
        shown = await (await session.get("/api/v1/incidents/1")).json()
    assert house.store.reads == [1, 0, 0, 1]
    assert [one["kind"] for one in shown["timeline"]] == ["opened", "held"]


async def test_only_the_records_of_the_incident_that_is_shown_are_read() -> None:
    house = House()
    await house.open(house.trouble())
    await house.open(house.trouble(at="web2/nginx"), "2")
    for _ in range(5):
        await house.held("2")
    async with house.public() as session:
        await session.get("/api/v1/incidents/1")
    assert house.store.reads == [1]


async def test_a_long_life_keeps_its_beginning_and_its_end() -> None:
    house = House()
    await house.open(house.trouble())
    for number in range(600):
        await house.held(reason=f"reason_{number}")
    _, shown = await read(house, "/api/v1/incidents/1")
    kinds = [one["reason"] for one in shown["timeline"]]
    assert kinds[:2] == ["", "reason_0"]
    assert kinds[-1] == "reason_599"
    assert shown["timeline_omitted"] == 601 - len(kinds) == 101


class BrokenStore(FakeStore):
    """A store whose file went bad after the start."""

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[ev.Record]:
        raise ConfigError("journal.db: record 7 does not fit the chain")


async def test_a_journal_that_cannot_be_read_costs_the_timeline_and_nothing_else() -> None:
    house = House()
    await house.open(house.trouble())
    house.desk.timelines._store = BrokenStore()
    code, shown = await read(house, "/api/v1/incidents/1")
    assert (code, shown["state"], shown["timeline"]) == (200, "open", [])
    assert "record 7" in shown["timeline_error"]


async def test_an_unknown_incident_is_404_and_names_the_open_ones() -> None:
    house = House()
    await house.open(house.trouble())
    code, shown = await read(house, "/api/v1/incidents/99")
    assert (code, shown["reason"]) == (404, "unknown_incident")
    assert "open ones: 1" in shown["detail"]


async def test_guards_are_shown_with_their_numbers_and_what_each_says() -> None:
    house = House()
    await house.open(house.trouble())
    await house.held()
    _, shown = await read(house, "/api/v1/guards")
    assert [one["guard"] for one in shown["guards"]] == [guard.name for guard in GUARDS]
    numbers = {one["guard"]: one["numbers"] for one in shown["guards"]}
    assert numbers["still_true"] == {"healer.guards.still_true.max_age": 60.0}
    (judged,) = shown["incidents"]
    assert [(one["guard"], one["allows"]) for one in judged["guards"]] == [
        ("known_target", True),
        ("capacity", False),
    ]
    assert (judged["decision"], judged["asked_at"]) == ("", None)


async def test_the_guards_say_what_they_said_at_the_last_look() -> None:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    await house.held()
    incident = house.journal.board.incidents["1"]
    facts = await house.gatherer.read(incident, house.watch.standing())
    house.watch.note_decision("1", decide(incident, facts, None))
    _, shown = await read(house, "/api/v1/guards")
    (judged,) = shown["incidents"]
    assert (judged["decision"], judged["action"]) == ("act", "service.restart on web1/nginx")
    assert judged["asked_at"] == rfc3339(house.clock.wall())
    assert all(one["allows"] for one in judged["guards"])
    assert len(judged["guards"]) == len(GUARDS)


async def test_without_an_incident_the_guards_say_why_nothing_would_be_done() -> None:
    house = House()
    await house.arm()
    await house.journal.write(ev.Frozen("moving rack b", "alice"))
    _, shown = await read(house, "/api/v1/guards")
    assert (shown["incidents"], shown["asked_at"]) == ([], rfc3339(house.clock.wall()))
    now = {one["guard"]: one["now"] for one in shown["guards"] if one["now"] is not None}
    assert {guard: one["reason"] for guard, one in now.items()} == {
        "armed": None,
        "not_stopped": "frozen",
        "sees_enough": "minority",  # nobody has looked at the nodes yet
        "no_storm": None,
        "budget": None,
    }
    assert [one["reason"] for one in shown["freezes"]] == ["person"]


async def test_status_says_who_leads_since_when_it_is_armed_and_what_stops_it() -> None:
    house = House()
    await house.arm()
    await house.journal.write(ev.Frozen("moving rack b", "alice"))
    stranger = alert(at="web9/nginx")
    await house.journal.write(ev.AlertRefused(stranger, "unknown_target", "no web9/nginx here."))
    _, shown = await read(house, "/api/v1/status")
    assert shown["version"] == "0.1.0"
    assert (shown["leader"], shown["era"], shown["term"]) == (True, 1, 1)
    assert shown["armed_at"] == "2027-01-15T08:00:00.000Z"
    assert shown["freezes"] == [
        {"reason": "person", "sentence": "Frozen by alice: moving rack b", "owner": False},
    ]
    assert shown["watchdog_age_seconds"] == 60.0
    assert [one["reason"] for one in shown["refused"]] == ["unknown_target"]


async def test_ready_says_why_not_and_healthy_only_that_somebody_answers() -> None:
    house = House()
    who = {"node": "mon1", "role": "leader", "leader": "mon1"}
    assert await read(house, "/-/ready") == (200, {"ready": True, "reasons": [], **who})
    house.watch.leading = house.watch.storing = False
    house.watch.sight = None
    code, shown = await read(house, "/-/ready")
    assert (code, shown["reasons"]) == (503, ["not_leader", "store", "alertmanager_silent"])
    assert shown["leader"] is None
    async with house.public() as session:
        assert (await session.get("/-/healthy")).status == 200


async def test_one_whose_engine_hangs_is_not_healthy() -> None:
    house = House()
    house.desk = replace(house.desk, stuck_seconds=lambda: STUCK_SECONDS)
    assert (await status(house, "/-/healthy")) == 200
    house.desk = replace(house.desk, stuck_seconds=lambda: STUCK_SECONDS + 1)
    code, shown = await read(house, "/-/healthy")
    assert (code, shown["reason"]) == (503, "stuck")
    assert shown["detail"] == "the engine's turn has not ended for 121 s, of 120 s"


async def status(house: House, path: str) -> int:
    async with house.public() as session:
        return (await session.get(path)).status


async def test_metrics_are_in_the_text_format() -> None:
    house = House()
    async with house.public() as session:
        response = await session.get("/metrics")
        body = await response.text()
    assert response.content_type == "text/plain"
    assert 'healer_build_info{version="0.1.0"} 1.0' in body


async def test_labels_come_through_json_as_they_are() -> None:
    house = House()
    await house.open(house.trouble(note=HOSTILE))
    _, shown = await read(house, "/api/v1/incidents/1")
    assert shown["cause"]["labels"]["note"] == HOSTILE


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/incidents", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_public_port_changes_nothing(path: str, method: str) -> None:
    house = House()
    async with house.public() as session:
        response = await session.request(method, path, json={"incident": "1"})
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize(
    "command", ["approve", "deny", "freeze", "unfreeze", "adopt", "explain", "nothing"]
)
async def test_the_public_port_takes_no_command(command: str) -> None:
    house = House()
    async with house.public() as session:
        response = await session.post(f"/api/v1/{command}", json={"incident": "1"})
        assert response.status == 404
    assert not house.store.records
