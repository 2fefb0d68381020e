"""Any order of trouble, found and made short by hypothesis, over the reference cluster as its cluster.yml says it is.

The healer is the real one from webhook to gate; the oracle is that of the schedules.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cluster.load import load
from cluster.model import Cluster
from healer.core import events as ev
from healer.core.ladder import Mode
from healer.core.topology import Topology
from healer.settings import of_cluster
from tests.healer.safety.chaos import Chaos
from tests.healer.safety.loop import VirtualLoop
from tests.healer.safety.outcomes import final
from tests.healer.safety.simulation import Simulation
from tests.healer.safety.site import Crew, Job, Site

TIER = Path(__file__).parents[3] / "scenarios/web-tier/cluster.yml"


def described(cluster: Cluster) -> Site:
    """Return the cluster as cluster.yml has it, for the oracle: no topology is asked."""
    return Site(
        name="web-tier",
        racks={name: node.failure_domain for name, node in cluster.nodes.items()},
        crews={
            name: Crew(group.nodes, group.min_available, group.votes, group.control)
            for name, group in cluster.groups.items()
        },
        jobs={
            name: Job(one.group, one.depends_on, one.stores is not None, one.exclusive)
            for name, one in cluster.services.items()
        },
        healers=(cluster.healer.node or "",),
        pools={
            name: (one.balancers, one.members, one.service) for name, one in cluster.pools.items()
        },
        addresses={
            name: (one.address, one.group) for name, one in cluster.virtual_addresses.items()
        },
        cluster=cluster.name,
    )


def acting(topology: Topology) -> Topology:
    """Every owner lets Hale act, so that only the guards stand between it and the cluster."""
    groups = {
        name: group if group.control else replace(group, mode=Mode.ACT)
        for name, group in topology.groups.items()
    }
    ladders = {name: replace(one, mode=Mode.ACT) for name, one in topology.ladders.items()}
    return replace(topology, groups=groups, ladders=ladders, healer_mode=Mode.ACT)


CLUSTER = load(TIER)
SITE = described(CLUSTER)
TOPOLOGY = acting(of_cluster(CLUSTER).topology)

places = st.sampled_from(SITE.places())
nodes = st.sampled_from([one for one in SITE.racks if one not in SITE.healers])

waits = st.sampled_from((0.0, 3.0, 25.0, 90.0))

FAULTS = (
    *(
        "stops_healer",
        "storeless",
        "blinds",
        "apart",
        "jumps",
        "fills",
        "loses",
        "silent",
        "stalls",
    ),
    *("unscraped", "peer_away", "peer_unlinked", "peer_late", "peer_shifts", "stale", "forges"),
    *("silences", "holds_gate", "approves", "adopts", "hints", "denies", "retries", "closes"),
)


class AnyTrouble(RuleBasedStateMachine):
    """What may happen to the cluster, its people and its healer, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.sim = Simulation(1, SITE, {SITE.healers[0]: TOPOLOGY}, self.loop)
        self.sim.restarts, self.sim.pause = False, 2.0
        self.chaos = Chaos(self.sim)
        self._do(self._begin())
        self._pass(15.0)

    async def _begin(self) -> None:
        self.sim.begin()

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        self.loop.run_until_complete(work)

    def _pass(self, seconds: float) -> None:
        self._do(self.sim.until(self.sim.world.now + seconds))

    def _now(self, change: Any) -> None:
        """Change something inside the loop, where tasks may be started."""

        async def inside() -> None:
            self.chaos.goes_on(change())

        self._do(inside())

    @rule(place=places, cures=st.booleans(), wait=waits)
    def a_service_fails(self, place, cures, wait):
        if self.sim.world.nodes[place.node].up:
            self.sim.world.set_unit(place, "failed", wedged=False, cures=cures)
            self._pass(wait)

    @rule(place=places, wait=waits)
    def a_service_hangs(self, place, wait):
        if self.sim.world.well(place):
            self.sim.world.set_unit(place, "active", wedged=True, cures=True)
            self._pass(wait)

    @rule(place=places)
    def a_person_mends_it(self, place):
        unit = self.sim.world.units[place]
        if self.sim.world.nodes[place.node].up and unit.state in ("failed", "active"):
            self.sim.world.set_unit(place, "active", wedged=False)

    @rule(node=nodes)
    def a_node_is_cut_off(self, node):
        self._now(lambda: self.chaos.breakages.cut(node))

    @rule(rack=st.sampled_from(sorted(SITE.lost_together())), wait=waits)
    def a_rack_is_lost(self, rack, wait):
        self._now(lambda: self.chaos.breakages.loses_rack(rack))
        self._pass(wait)

    @rule()
    def the_power_goes(self):
        self._now(self.chaos.breakages.power)

    @rule()
    def everything_is_reachable_again(self):
        self._now(self.chaos.calm)

    @rule(commits=st.integers(1, 4), after=st.booleans())
    def the_healer_will_be_killed(self, commits, after):
        life = self.sim.leader
        if life is not None:
            life.dies_at, life.dies_after = life.commits + commits, after

    @rule(fault=st.sampled_from(FAULTS))
    def something_else_goes_wrong(self, fault):
        family = self.chaos.people if hasattr(self.chaos.people, fault) else self.chaos.outages
        self._now(getattr(family, fault))

    @initialize(bare=st.booleans())
    def alerts_may_name_neither_group_nor_rack(self, bare):
        self.sim.prometheus.bare = bare

    @rule()
    @precondition(lambda self: self.sim.prometheus.bare)
    def cluster_yml_gets_other_names(self):
        self._now(self.chaos.people.reloads)

    @rule()
    @precondition(lambda self: not self.sim.oracle.frozen)
    def a_person_freezes_all(self):
        self._do(self.sim.journal(ev.Frozen("moving racks", "ann")))

    @rule()
    @precondition(lambda self: self.sim.oracle.frozen)
    def a_person_lets_it_go_on(self):
        self._do(self.sim.journal(ev.Unfrozen("ann")))

    @rule(seconds=st.sampled_from((0.5, 2.0, 7.0, 20.0, 70.0)))
    def time_goes_by(self, seconds):
        self._pass(seconds)

    @invariant()
    def no_promise_is_broken(self):
        assert not self.sim.oracle.violations, self.sim.oracle.violations

    def teardown(self):
        try:
            self._now(self.chaos.calm)
            self._pass(60.0)
            if not self.sim.oracle.violations:
                final(self.sim)
            assert not self.sim.oracle.violations, self.sim.oracle.violations
        finally:
            self._do(self.sim.stop())
            self.loop.close()
            asyncio.set_event_loop(None)


AnyTrouble.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyTrouble = AnyTrouble.TestCase
