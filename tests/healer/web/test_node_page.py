"""The pages of one node and of one group: what upkeep would do there, and what keeps a node from coming back."""

from dataclasses import replace
from pathlib import Path

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.look import Mark
from healer.core.states import State
from healer.core.upkeep_events import Kind, Move
from healer.web.lately import KEEP
from tests.healer.core.test_fenced import pair
from tests.healer.core.world import alert
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.people import ALICE, BOB, browsing, forms
from tests.healer.web.screens import busy
from tests.healer.web.test_pages import reads
from tests.healer.web.upkeep_states import big, house_of, take, upkept


async def seen(house: House, path: str) -> str:
    """Return what alice reads on a page."""
    async with browsing(house, ALICE) as (alice,):
        return reads(await alice.open(path))


async def test_what_maintenance_would_do_and_what_each_guard_says(tmp_path: Path) -> None:
    page = await seen(await house_of(tmp_path, big()), "/nodes/web1")
    plan = page[page.index("What its maintenance would do") :]
    assert "may begin now Every guard allows it." in plan
    assert "node.lock at web1" in plan
    assert "capacity allows" in plan


async def test_a_guard_that_holds_is_named_before_somebody_presses(tmp_path: Path) -> None:
    house = await busy(tmp_path)
    page = await seen(house, "/nodes/web2")
    assert "does not begin now capacity: capacity" in page
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/nodes/web2", "Start maintenance", reason="a fan")
    assert (code, "capacity" in page) == (409, True)
    assert house.journal.board.planned.upkeeps == {}


async def test_a_node_that_is_away_has_its_card_instead_of_a_plan(tmp_path: Path) -> None:
    page = await seen(await upkept(tmp_path), "/nodes/web8")
    assert "web8 out of service for" in page
    assert "What its maintenance would do" not in page


async def test_its_marks_and_whose_they_are(tmp_path: Path) -> None:
    page = await seen(await busy(tmp_path), "/nodes/web3")
    assert "pool.drain web/web3 lb1 incident 2 by itself" in page
    assert "address.decline" not in page


# --- Coming back ----------------------------------------------------------------------------


async def test_each_check_stands_before_the_button_which_is_there_once_all_hold(
    tmp_path: Path,
) -> None:
    house = await busy(tmp_path)
    async with browsing(house, ALICE) as (alice,):
        page = await alice.open("/nodes/web3")
        assert "nginx yes serves it serves" in reads(page)
        assert "pool.drain of web/web3 at lb1" in reads(page)
        assert "Admit web3" in forms(page)
        house.cluster.down.add(Target("web3", "nginx"))
        house.clock.pass_by(KEEP)
        page = await alice.open("/nodes/web3")
    assert "nginx no not_serving does not serve it serves" in reads(page)
    assert "Not yet: not_serving nginx: needs it serves" in reads(page)
    assert "Admit web3" not in forms(page)


async def test_an_admitted_node_gets_back_what_hale_took(tmp_path: Path) -> None:
    house = await busy(tmp_path)
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/nodes/web3", "Admit web3")
    assert (code, "Web3 is admitted" in reads(page)) == (303, True)
    assert house.journal.board.incidents["2"].settled_by == "alice (web)"


async def test_what_is_not_so_any_more_when_the_button_is_pressed_gives_nothing_back(
    tmp_path: Path,
) -> None:
    house = await busy(tmp_path)
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/nodes/web3"))["Admit web3"]
        house.cluster.deaf.add("web3")
        code, page = await alice.send(form)
    assert (code, "gate_silent" in page) == (409, True)
    assert house.journal.board.incidents["2"].state is State.MITIGATED


async def test_of_a_healthy_node_the_checks_are_folded_and_there_is_no_button(
    tmp_path: Path,
) -> None:
    async with browsing(await house_of(tmp_path, big()), ALICE) as (alice,):
        page = await alice.open("/nodes/web1")
    assert "No incident took anything from it" in reads(page)
    assert "Admit web1" not in forms(page)


async def test_a_fenced_node_is_switched_on_first(tmp_path: Path) -> None:
    house = await house_of(tmp_path, pair(web=3))
    await house.open(alert("NodeDown", "web1", heal="fence-node"))
    owner = house.journal.board.incidents["1"].owner
    order = (0, "node.fence", "mon1", (("node", "web1"), ("owner", owner)))
    await house.tried("1", 1, Outcome.DONE, "fenced", order=order)
    await house.journal.write(
        ie.VerificationEnded("1", "1.1.1", True, False, "proved", "held"),
        ie.IncidentMitigated("1", "node.fence of web1 stands on mon1"),
    )
    async with browsing(house, ALICE) as (alice,):
        page = await alice.open("/nodes/web1")
        assert "nginx at boot no start_unknown" in reads(page)
        assert "Switch web1 on" not in forms(page)
        house.prometheus.at_boot[Target("web1", "nginx")] = 0.0
        house.clock.pass_by(KEEP)
        page = await alice.open("/nodes/web1")
        assert "nginx at boot yes its exporter said last: not started" in reads(page)
        assert "power yes off, fenced by mon1 on, and web1 admitted anew" in reads(page)
        code, page = await alice.press("/nodes/web1", "Switch web1 on")
        assert (code, house.journal.board.incidents["1"].admitted_by) == (303, "alice (web)")
        house.clock.pass_by(KEEP)
        page = await alice.open("/nodes/web1")
    assert "power no under_way" in reads(page)
    assert "Switch web1 on" not in forms(page)


async def test_while_an_action_runs_it_says_what_is_waited_for(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    await house.open(house.trouble())
    await house.tried("1", 1, Outcome.REFUSED, "config_check")
    args = (("member", "web1"), ("owner", "incident:1"), ("pool", "web"))
    await house.trying("1", 2, (1, "pool.drain", "mon1", args))
    page = await seen(house, "/nodes/web1")
    assert "incident no under_way incident 1 is acting its end and its proof" in page


# --- A group --------------------------------------------------------------------------------


async def test_the_order_of_a_roll_and_its_guards_and_then_the_roll(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big(3))
    async with browsing(house, ALICE) as (alice,):
        page = await alice.open("/groups/web")
        assert "1. web1 may begin now" in reads(page)
        assert "node.patch" in reads(page)
        typed = {"canary": "web3", "soak": "10m", "window": "night", "at-once": "50%"}
        code, page = await alice.press("/groups/web", "Roll web", **typed)
    roll = house.journal.board.planned.rolls["1"]
    assert (code, roll.nodes, roll.soak) == (303, ("web3", "web1", "web2"), 600.0)
    assert (roll.windows, roll.at_once, roll.by) == (("night",), 1, "alice (web)")
    assert "Roll 1 of web" in reads(page)


async def test_what_is_left_empty_is_as_the_command_line_has_it(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big(3))
    async with browsing(house, ALICE) as (alice,):
        await alice.press("/groups/web", "Roll web")
    roll = house.journal.board.planned.rolls["1"]
    assert (roll.at_once, roll.soak, roll.windows) == (1, 300.0, ())


async def test_a_group_that_cannot_be_rolled_says_why(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    assert "control_plane: control is the control plane" in await seen(house, "/groups/control")


async def test_of_500_nodes_the_guards_are_asked_of_the_first(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big(500))
    house.gates.looks.clear()
    async with browsing(house, ALICE) as (alice,):
        page = reads(await alice.open("/groups/web"))
    assert "10. web10" in page
    assert "490 more follow" in page
    assert {node for node, _ in house.gates.looks} == {f"web{number}" for number in range(1, 11)}


# --- Whoever looks, however many ------------------------------------------------------------


async def test_gates_are_asked_once_however_many_look(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    async with browsing(house, ALICE, BOB) as (alice, bob):
        await alice.open("/nodes/web1")
        asked = len(house.gates.looks)
        await bob.open("/nodes/web1")
        assert len(house.gates.looks) == asked
        house.clock.pass_by(KEEP)
        await bob.open("/nodes/web1")
        assert len(house.gates.looks) > asked


@pytest.mark.parametrize("path", ["/nodes/web1", "/groups/web", "/maintenance"])
async def test_where_nothing_can_be_asked_the_page_says_so(tmp_path: Path, path: str) -> None:
    house = await house_of(tmp_path, big())
    house.prometheus.silent = True
    house.cluster.deaf |= set(house.topology.nodes)
    house.watch.look_at_nodes(None, house.topology)
    house.watch.sight = None
    page = await seen(house, path)
    assert "Nothing is done" in page
    if path != "/maintenance":
        assert "does not begin now" in page


async def test_hostile_words_are_text(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    words = (HOSTILE + "x" * 500).replace("\n", "")
    house.gates.marks["web1"] = (Mark("node.lock", "web1", (words,), True),)
    house.gates.holds = (words,)
    await house.journal.write(ev.NodeHeld("web1", words, words, None))
    await house.open(replace(alert(at="web1/nginx"), name=words))
    page = await seen(house, "/nodes/web1")
    assert HOSTILE[:20] in page
    assert "\x1b" not in page


@pytest.mark.parametrize("path", ["/nodes/web99", "/groups/none", "/nodes/%3Cscript%3E"])
async def test_what_is_not_there_is_told_with_the_way_back(tmp_path: Path, path: str) -> None:
    async with browsing(await house_of(tmp_path, big()), ALICE) as (alice,):
        response = await alice.session.get(path)
        page = reads(await response.text())
    assert response.status == 404
    assert "All groups and nodes" in page


async def test_a_viewer_reads_it_all_and_presses_nothing(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    await take(house, 1, "web2", Move.TAKEN, kind=Kind.PERSON, reason="new fan")
    async with browsing(house, BOB) as (bob,):
        for path in ("/nodes/web1", "/nodes/web2", "/groups/web"):
            assert "<form" not in await bob.open(path)
        assert "hale-healer evidence web1" in reads(await bob.open("/nodes/web1"))
