"""What commands say of a healer and what they have it do, through a real control socket."""

import re
from pathlib import Path

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.guards import GUARDS
from healer.core.ladder import Mode
from tests.healer.commands import running
from tests.healer.core.world import alert
from tests.healer.web.house import HOSTILE


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
