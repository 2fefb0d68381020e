"""A broken nginx, the ladder it climbs, and a decision about it in two words."""

from dataclasses import replace

from healer.core.alert import Target
from healer.core.attempt import Attempt, Outcome
from healer.core.decide import decide
from healer.core.decision import Act, Close, Decision, Hold
from healer.core.facts import Facts
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard, MemberLook
from healer.core.plan import Escalate
from tests.healer.core.guarded import opened
from tests.healer.core.test_plan import attempt
from tests.healer.core.world import RESTART, World
from tests.healer.tier import tier

NGINX = Target("web1", "nginx")
ONCE = replace(RESTART, attempts=1)


def climbing(*rungs: Rung, **changes: object) -> World:
    """A tier with this ladder, in which web1/nginx is broken."""
    plain = tier(owner_settled=0.0)
    ladder = Ladder("restart-service", Mode.ACT, rungs)
    cluster = replace(plain, ladders={**plain.ladders, ladder.name: ladder})
    return World(topology=cluster, down={NGINX}, **changes)  # type: ignore[arg-type]


def said(decision: Decision) -> str:
    """Return a decision in two words."""
    match decision:
        case Act() | Hold():
            return f"{decision.proposal.rung.action} {decision.proposal.gate}"
        case Escalate(reason):
            return f"escalate {reason}"
        case Close(outcome):
            return f"close {outcome}"
        case other:
            return type(other).__name__.lower()


def drained(world: World, place: int, **changes: object) -> Attempt:
    """Return a drain of web1 at lb1 or lb2 that stands."""
    done = {"outcome": Outcome.VERIFIED, "rung": 0, **changes}
    return attempt(opened(world), world.topology, "pool.drain", place, **done)


def decided(world: World, clear_for: float | None = None, **changes: object) -> str:
    incident = replace(opened(world), **changes)  # type: ignore[arg-type]
    return said(decide(incident, world.facts(incident), clear_for))


def failed(world: World, count: int, outcome: Outcome = Outcome.FAILED) -> list[Attempt]:
    return [
        attempt(opened(world), world.topology, "pool.return", place, outcome=outcome)
        for place in (0, 1)
        for _ in range(count)
    ]


def with_member(facts: Facts) -> Facts:
    """Return the facts where both balancers say that web1 is ready, and hold the address or not."""
    gates = dict(facts.gates)
    for node in ("lb1", "lb2"):
        look = facts.heard(node).look
        assert look is not None
        pools = {"web": {"web1": MemberLook("ready", "up", 3)}}
        gates[node] = Heard(replace(look, pools=pools, addresses={"vip": node == "lb1"}))
    look = facts.heard("web1").look
    assert look is not None
    gates["web1"] = Heard(replace(look, disks={"/var": "/dev/sdb1"}))
    return replace(facts, gates=gates)
