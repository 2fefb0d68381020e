"""What one life of a healer reaches: Prometheus and probes, the gates, the Alertmanagers; each may not answer it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from healer.adapters.intake import refusal
from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.facts import Evidence, Reading
from healer.core.look import Look
from healer.core.order import Ended, Order, OwnAlert, Sight
from healer.core.picture import Picture
from healer.errors import Busy, LeaseLost, OutcomeUnknown, Unreachable
from tests.healer.safety.gates import Entry
from tests.healer.safety.monitoring import EPOCH, Alertmanager, merged

if TYPE_CHECKING:
    from tests.healer.safety.lives import Life


@dataclass
class Senses:
    """Prometheus and probes, as one life reaches them."""

    life: "Life"

    async def _ask(self) -> None:
        await self.life.pass_by(0.3)
        if self.life.blind or self.life.sim.prometheus.silent:
            await asyncio.sleep(0.5)
            raise Unreachable("prometheus: no answer")

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        if alert.target.domain or alert.name in self.life.sim.site.fencing_alerts:
            await self._ask()
            prometheus = self.life.sim.prometheus
            known = prometheus.active.get(alert.fingerprint)
            firing = known is not None and known.labels == alert.labels
            return Evidence(firing, Reading(float(firing), prometheus.judged_at, prometheus.now))
        reading = await self.reading(alert.target, metric)
        if alert.name not in ("ServiceDown", "KernelHang", "NodeDown"):
            return Evidence(None, reading)
        sample = self.life.sim.prometheus.sample(alert.target.node)
        well = None if sample is None else sample.wells.get(alert.target)
        firing = alert.name != "NodeDown" and well is False
        labels = next(
            (
                one.labels
                for one in self.life.sim.prometheus.active.values()
                if one.fingerprint == alert.fingerprint
            ),
            None,
        )
        return Evidence(firing and labels == alert.labels, reading)

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        await self._ask()
        now, sample, told = (
            self.life.sim.prometheus.now,
            self.life.sim.prometheus.sample(target.node),
            dict(labels),
        )
        if sample is None:
            return Reading(None, None, now)
        if metric == "hale:pool_member_up":
            out = any(one.subject == f"{told['pool']}/{told['member']}" for one in sample.marks)
            pool = self.life.sim.site.pools[told["pool"]]
            inside = self.life.sim.prometheus.sample(told["member"])
            serves = inside is not None and inside.wells[Target(told["member"], pool[2])]
            return Reading(float(serves and not out), sample.at, now)
        if metric == "hale_virtual_address_held":
            has = sample.held.get(told["address"])
            return Reading(None if has is None else float(has), sample.at, now)
        if metric in ("patroni_primary", "database_member_good"):
            seen = sample.leads if metric == "patroni_primary" else sample.good
            value = seen.get(told.get("scope", ""))
            return Reading(None if value is None else float(value), sample.at, now)
        if metric == "up":
            return Reading(1.0, sample.at, now)
        place = Target(target.node) if metric == "node_sick" else target
        well = sample.wells.get(place)
        value = None if well is None else float(well) if place.service else float(not well)
        return Reading(value, sample.at if value is not None else None, now)

    async def still_told(self, alert: Alert) -> bool | None:
        await self._ask()
        sample = self.life.sim.prometheus.sample(alert.target.node)
        if alert.name == "NodeDown":
            return True
        return sample is not None and alert.target in sample.wells

    async def looks_back(self, names: Iterable[str]) -> dict[str, float]:
        await self._ask()
        return dict.fromkeys(names, 0.0)

    async def samples(
        self, node: str, names: str, *, before: float | None = None
    ) -> list[tuple[Mapping[str, str], float]]:
        """Return when a node has booted, or that no boot starts what only one node may run, as it is in this world."""
        await self._ask()
        if names == "hale_service_starts_at_boot" and before is not None:
            jobs = self.life.sim.world.site.jobs.items()
            return [({"service": name}, 0.0) for name, one in jobs if one.exclusive]
        assert names == "node_boot_time_seconds"
        seen = self.life.sim.prometheus.sample(node)
        return [] if seen is None else [({}, EPOCH + self.life.sim.world.nodes[node].booted_at)]

    async def picture(self, *, services: bool = True) -> Picture:
        await self._ask()
        seen = self.life.sim.prometheus.picture()
        return seen if services else replace(seen, services={})

    async def pending(self) -> tuple[Alert, ...]:
        await self._ask()
        return tuple(self.life.sim.prometheus.active.values())

    async def serves(self, target: Target) -> bool | None:
        await self.life.pass_by(0.2)
        return (
            target.node not in self.life.apart
            and self.life.sim.world.well(target)
            and not self.life.sim.world.dark(target.node)
        )


@dataclass
class Hands:
    """Every gate, as one life reaches them."""

    life: "Life"

    def _reach(self, node: str) -> None:
        if (
            node in self.life.apart
            or self.life.sim.world.dark(node)
            or node not in self.life.sim.gates
        ):
            raise Unreachable(f"{node}: no route to host")

    async def look(self, node: str, names: Sequence[str]) -> Look:
        await self.life.pass_by(0.3)
        self._reach(node)
        gate = self.life.sim.gates[node]
        if gate.busy and gate.busy.split(".")[1] == str(self.life.term):
            raise Busy(f"{node}: busy with {gate.busy}")
        return gate.look(tuple(names))

    async def act(self, order: Order) -> Ended:
        assert self.life.handle is not None
        await self.life.pass_by(0.3)
        self._reach(order.node)
        gate, said = self.life.sim.gates[order.node], self.life.now
        boot = gate.boot
        await self.life.pass_by(0.2)
        if self.life.handle.lease_seconds() <= 0:
            raise LeaseLost("it ran out")
        token, fate = self.life.handle.token, self.life.rng.random()
        await self.life.pass_by(0.1)  # here a process may be stopped with the request in its hands
        if (
            fate < self.life.sim.loses / 3
        ):  # lost on the way, or late: it comes, but nobody waits for it
            self.life.sim.spawn(self._late(gate, order, token, said, boot))
            raise OutcomeUnknown(f"{order.node}: the session ended")
        try:
            self._reach(order.node)
        except Unreachable as exc:
            raise OutcomeUnknown(str(exc)) from exc
        entry = gate.receive(order, token, said, boot)
        if self.life.rng.random() < self.life.sim.loses / 4:  # the network says it twice
            gate.receive(order, token, said, boot)
        if isinstance(entry, Ended):
            return entry
        if fate < self.life.sim.loses:
            raise OutcomeUnknown(f"{order.node}: the answer was lost")
        return await self._wait(gate.node, entry)

    async def _late(
        self, gate: object, order: Order, token: object, said: float, boot: int
    ) -> None:
        wait = self.life.rng.choice((0.2, 1.0, 1.9, 3.0, 30.0, 1000.0))
        await asyncio.sleep(wait)
        if not self.life.sim.world.dark(order.node):
            self.life.sim.gates[order.node].receive(order, token, said, boot)  # type: ignore[arg-type]

    async def _wait(self, node: str, entry: Entry) -> Ended:
        while entry.ended is None:
            await asyncio.sleep(0.2)
            await self.life.pass_by()
            if node in self.life.apart or self.life.sim.world.dark(node):
                raise OutcomeUnknown(f"{node}: the session ended")
        return entry.ended

    async def settle(self, node: str, action_id: str, ledger_id: str) -> Ended | None:
        await self.life.pass_by(0.3)
        self._reach(node)
        if ledger_id and ledger_id != f"ledger-{node}":
            return Ended(Outcome.UNKNOWN, "other_ledger", "")
        assert self.life.handle is not None
        found = self.life.sim.gates[node].settle(action_id, self.life.handle.token)
        if found is not None and found.reason == "lower_token":
            raise Unreachable(f"{node}: its gate cannot settle: lower_token")
        return found


@dataclass
class Peers:
    """Every Alertmanager, as one life reaches them."""

    life: "Life"

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        life, sim = self.life, self.life.sim
        await life.pass_by(0.3)
        answered = [] if life.blind else [one for one in sim.peers if not one.away]
        if not answered:
            raise Unreachable("alertmanager: no peer answers")
        alerts = merged(answered, sim.world.now, self._hushed(answered), sim.rng.shuffle)
        judged = [(one, refusal(one, life.topology)) for one in alerts]
        heard = [one.watchdog_at for one in answered if one.watchdog_at is not None]
        return Sight(
            alerts=tuple(one for one, why in judged if why is None),
            rejected=tuple((one, why) for one, why in judged if why is not None),
            silent=() if len(answered) == len(sim.peers) else ("elsewhere",),
            watchdog_at=max(heard, default=None),
        )

    def _hushed(self, answered: Sequence[Alertmanager]) -> set[str]:
        """Return what is silenced, by people or for a node's upkeep."""
        sim, now = self.life.sim, self.life.now
        nodes = {node for node, until in sim.hushed.values() if now < until}
        shown = (one for peer in answered for one in peer.shows(now).values()) if nodes else ()
        return {*sim.silenced, *(one.fingerprint for one in shown if one.target.node in nodes)}

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        await self.life.pass_by()
        if self.life.blind:
            raise Unreachable("alertmanager: no peer answers")
        for one in alerts:
            self.life.sim.told.pop(one.labels, None)
            if not one.over:
                self.life.sim.told[one.labels] = (one, self.life.now)


@dataclass
class Hushes:
    """Silences of the healer's own, as one life sets them."""

    life: "Life"

    async def _ask(self, *, every: bool) -> None:
        await self.life.pass_by(0.3)
        answered = [] if self.life.blind else [one for one in self.life.sim.peers if not one.away]
        if not answered or (every and len(answered) < len(self.life.sim.peers)):
            raise Unreachable("alertmanager: a peer does not answer")

    async def silence(self, name: str, node: str, reason: str, seconds: float) -> None:
        await self._ask(every=False)
        self.life.sim.hushed[name] = (node, self.life.now + seconds)

    async def expire(self, name: str, node: str) -> None:
        await self._ask(every=True)
        if self.life.sim.hushed.get(name, ("", 0.0))[0] == node:
            del self.life.sim.hushed[name]
