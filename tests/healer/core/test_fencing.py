"""What only one node may run is started on another one only when its old owner is proven off."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.facts import Facts
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard, Look, UnitLook
from healer.core.plan import to_hear
from healer.core.topology import Topology
from tests.healer.core.guarded import acted, broken, opened, said, verdict
from tests.healer.core.world import CALL, RESTART, VERIFY, World, topology
from tests.healer.tier import tier


def exclusive(*rungs: Rung) -> Topology:
    """nginx may run on one web node only; by default a restart is tried."""
    plain = topology()
    services = {**plain.services, "nginx": replace(plain.services["nginx"], exclusive=True)}
    ladder = Ladder("restart-service", Mode.ACT, (*(rungs or (RESTART,)), CALL))
    return replace(plain, services=services, ladders={**plain.ladders, ladder.name: ladder})


def alone(world: World) -> None:
    """Let nginx run nowhere."""
    world.down |= {Target(node, "nginx") for node in ("web1", "web2", "web3")}


def looks(facts: Facts, node: str, **changes: object) -> Facts:
    look = facts.heard(node).look
    assert look is not None
    unit = look.units["nginx.service"]
    assert isinstance(unit, UnitLook)
    seen = replace(look, units={**look.units, "nginx.service": replace(unit, **changes)})  # type: ignore[arg-type]
    return replace(facts, gates={**facts.gates, node: Heard(seen)})


def asked(incident: Incident, facts: Facts) -> str | None:
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    return next(one for one in decision.verdicts if one.guard == "fenced").reason


def test_it_is_not_started_while_another_node_runs_it():
    world = broken(topology=exclusive())
    verdict = said(world, opened(world), "fenced")
    assert (verdict.reason, verdict.have) == ("not_fenced", "nginx on web2: active")


def test_it_is_started_when_every_other_node_is_proven_off():
    world = broken(topology=exclusive())
    alone(world)
    assert said(world, opened(world), "fenced").reason is None


@pytest.mark.parametrize(
    "changes",
    [{"active_state": "activating"}, {"active_state": "deactivating"}, {"job": True}],
    ids=str,
)
def test_a_unit_that_may_yet_run_is_not_off(changes):
    world = broken(topology=exclusive())
    alone(world)
    incident = opened(world)
    facts = world.facts(incident)
    assert asked(incident, facts) is None
    assert asked(incident, looks(facts, "web3", **changes)) == "not_fenced"


def test_what_is_under_way_on_another_node_may_start_it_there():
    world = broken(topology=exclusive())
    alone(world)
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=None)
    incident = opened(world)
    facts = world.facts(incident)
    assert asked(incident, facts) == "not_fenced"
    drains = tuple(replace(one, action="pool.drain") for one in facts.running)
    assert asked(incident, replace(facts, running=drains)) is None


def test_a_node_that_cannot_be_asked_is_not_proven_off():
    """There is no verb that fences it, so a person has to."""
    world = broken(topology=exclusive())
    alone(world)
    incident = opened(world)
    facts = world.facts(incident)
    silent = replace(facts, gates={**facts.gates, "web2": Heard(None, "no route to host")})
    assert asked(incident, silent) == "not_fenced"
    look = facts.heard("web2").look
    assert isinstance(look, Look)
    unread = Heard(replace(look, units={**look.units, "nginx.service": None}))
    assert asked(incident, replace(facts, gates={**facts.gates, "web2": unread})) == "not_fenced"


def test_a_boot_starts_what_is_on_the_node_too():
    reboot = Rung("node.reboot", None, False, 300.0, VERIFY, attempts=1, wait_seconds=0.0)
    world = broken(topology=exclusive(reboot))
    assert said(world, opened(world), "fenced").reason == "not_fenced"


def test_a_unit_that_the_restart_takes_along_counts_too():
    """app is exclusive and depends on nginx, which systemd restarts with it."""
    plain = topology()
    services = {**plain.services, "app": replace(plain.services["app"], exclusive=True)}
    world = broken(topology=replace(plain, services=services))
    assert said(world, opened(world), "fenced").have == "app on web2: active"


@pytest.mark.parametrize("verb", ["service.reload", "pool.drain"])
def test_what_starts_nothing_takes_nothing_over(verb):
    plain = exclusive(Rung(verb, None, False, 30.0, VERIFY, attempts=1, wait_seconds=0.0))
    pools = tier()
    whole = replace(plain, pools=pools.pools, groups={**pools.groups, **plain.groups})
    nodes = {**plain.nodes, **{name: pools.nodes[name] for name in ("lb1", "lb2")}}
    world = broken(topology=replace(whole, nodes=nodes))
    assert said(world, opened(world), "fenced").have == "takes over nothing exclusive"


def test_whoever_else_may_run_it_is_asked_before_the_decision():
    world = broken(topology=exclusive())
    heard = to_hear(opened(world), world.topology)
    assert {node for node, names in heard.items() if "nginx.service" in names} == {
        "web1",
        "web2",
        "web3",
    }


def test_nobody_else_is_asked_where_nothing_is_exclusive():
    world = broken()
    assert set(to_hear(opened(world), world.topology)) == {"web1"}


def test_where_one_node_cannot_start_it_the_next_one_may():
    """The others are no copies of it: they are where it goes next, once the first one is a person's."""
    world = broken(topology=exclusive())
    alone(world)
    opened(world)
    second = opened(world, "web2/nginx", 2)
    assert verdict(world, second) == ("common_cause", "canary_first")
    acted(world, "1", ended=Outcome.FAILED)
    world.journal(ie.IncidentEscalated("1", "spent", "all that it had was tried"))
    assert verdict(world, second) == ("", "act")


def test_they_are_tried_one_after_the_other():
    world = broken(topology=exclusive())
    alone(world)
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=None)
    assert verdict(world, second) == ("common_cause", "canary_first")
