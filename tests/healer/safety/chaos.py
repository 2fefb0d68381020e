"""What goes wrong in one schedule: drawn from its seed, each with its end, and all of it over when calm comes."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.topology import Topology
from healer.errors import HaleError
from tests.healer.safety.charters import amended
from tests.healer.safety.lives import Killed
from tests.healer.safety.monitoring import EPOCH, alert_of, loss_of
from tests.healer.safety.power import WAYS
from tests.healer.safety.site import regrouped
from tests.healer.safety.spoils import Spoils
from tests.healer.safety.upsets import Upsets

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

Undo = Callable[[], None] | None


class Chaos:
    """Draws what happens next."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng = sim, sim.rng
        self._undo: list[Callable[[], None]] = []
        self._first = dict(sim.topologies)
        # Trouble comes often, or there would be nothing to decide; of all else a few kinds at a time,
        # so that what is done under each of them is seen deeply.
        troubles = (
            *((4, one) for one in (self.fails, self.fails, self.wedges)),
            *((2, one) for one in (self.fails_for_good, self.fails_together, self.recovers)),
            *((2, one) for one in (self.hangs, self.settles_itself, self.moves)),
        )
        faults = (
            *(
                self.power,
                self.cut,
                self.storms,
                self.loses_rack,
                self.loses_rack,
                self.unscraped,
                self.silent,
                self.stalls,
                self.blinds,
            ),
            *(
                self.stops_healer,
                self.kills_healer,
                self.storeless,
                self.fills,
                self.jumps,
                self.apart,
            ),
            *(self.loses, self.loses, self.peer_away, self.peer_unlinked, self.peer_late),
            *(self.peer_shifts, self.stale, self.forges, self.freezes, self.holds, self.holds_gate),
            *(self.silences, self.approves, self.approves, self.adopts, self.hints),
            *(self.denies, self.retries, self.closes, self.reloads),
            *(5 * (self.rewrites,)),
            *(self.takes_out, self.takes_out),
        )
        if sim.site.fencing:
            troubles += ((3, self.power), (3, self.cut))
            faults += (self.misbehaves, self.misbehaves, self.admits, self.presses, self.fences)
        if sim.site.backups:
            spoils = Spoils(sim)
            troubles += ((8, spoils.damages), (5, spoils.owner_agrees), (5, self.approves))
            faults += (spoils.unproves, spoils.disk_fails, spoils.goes_wrong, spoils.goes_wrong)
            faults += (spoils.backs_up, spoils.cuts_short, spoils.cuts_short)
            self._undo.append(spoils.begins())
        if sim.site.databases:
            upsets = Upsets(sim)
            troubles += ((6, upsets.copy_breaks), (5, upsets.leader_hangs), (2, upsets.switches))
            faults += (upsets.lags, upsets.strays, upsets.pauses, upsets.bars, upsets.mutes)
            faults += (upsets.goes_wrong, upsets.goes_wrong)
            self._undo.append(upsets.begins())
        some = self.rng.sample(faults, self.rng.choice((0, 1, 2, 3, 5, 9)))
        sim.loses_rack = self.loses_rack in some
        sim.prometheus.bare = sim.prometheus.bare or self.reloads in some
        self._draws: list[tuple[int, Callable[[], Undo]]] = [*troubles, *((4, one) for one in some)]

    async def run(self, until: float) -> None:
        """Let things go wrong until then."""
        weights = [weight for weight, _ in self._draws]
        draws = [draw for _, draw in self._draws]
        calm = self.rng.choice((0.5, 1.5, 3.0, 6.0))
        await asyncio.sleep(self.rng.random() * 6 if self.rng.random() < 0.2 else 6.0)
        while self.sim.world.now < until - 1:
            draw = self.rng.choices(draws, weights)[0]
            self.sim.diary.append((self.sim.world.now, draw.__name__))
            undo = draw()
            if undo is not None:
                self._later(undo)
            await asyncio.sleep(self.rng.expovariate(1 / calm))

    def _later(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)
        wait = self.rng.choice((1.0, 3.0, 8.0, 20.0)) * (0.5 + self.rng.random())

        async def end() -> None:
            await asyncio.sleep(wait)
            if undo in self._undo:
                self._undo.remove(undo)
                undo()

        self.sim.spawn(end())

    def calm(self) -> None:
        """End everything that keeps anybody from being heard."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        self.sim.skews.update(dict.fromkeys(self.sim.skews, 0.0))
        for life in self.sim.lives.values():
            life.dies_at = 0

    # --- Units and nodes ---

    def _place(self, *, well: bool = True) -> Target | None:
        world = self.sim.world
        found = [
            one
            for one in self.sim.site.places()
            if world.well(one) is well and world.nodes[one.node].up
        ]
        return self.rng.choice(found) if found else None

    def _node(self) -> str:
        return self.rng.choice(
            [one for one in self.sim.site.racks if one not in self.sim.site.healers]
        )

    def fails(self, place: Target | None = None, *, cures: bool | None = None) -> None:
        place = place or self._place()
        if place is not None:
            good = self.rng.random() < 0.8 if cures is None else cures
            self.sim.world.set_unit(place, "failed", wedged=False, cures=good)

    def fails_for_good(self) -> None:
        self.fails(cures=False)

    def fails_together(self) -> None:
        place = self._place()
        if place is not None:
            alike = [one for one in self.sim.site.places() if one.service == place.service]
            for one in self.rng.sample(alike, min(len(alike), 2)):
                if self.sim.world.well(one):
                    self.fails(one)

    def wedges(self) -> None:
        place = self._place()
        if place is not None:
            self.sim.world.set_unit(place, "active", wedged=True, cures=self.rng.random() < 0.8)

    def recovers(self) -> None:
        place = self._place(well=False)
        unit = self.sim.world.units[place] if place is not None else None
        if place is None or unit is None or self._given_away(place):
            return
        if unit.state in ("failed", "active"):
            self.sim.world.set_unit(place, "active", wedged=False, damaged=False)

    def settles_itself(self) -> None:
        """systemd starts a unit again by itself."""
        place = self._place(well=False)
        if place is None or self._given_away(place):
            return
        unit = self.sim.world.units[place]
        if unit.state == "failed" and not unit.damaged:
            self.sim.world.set_unit(place, "activating")

            async def goes_on(at: Target = place) -> None:
                await asyncio.sleep(0.2 + self.rng.random() * 3)
                if self.sim.world.units[at].state == "activating":
                    self.sim.world.set_unit(at, self.rng.choice(("active", "failed")))

            self.sim.spawn(goes_on())

    def _given_away(self, place: Target) -> bool:
        """Whether only one node may run it, and another one may have been given it: systemd starts it no more."""
        return bool(self.sim.site.fencing) and place.service in self.sim.world.turned

    def hangs(self) -> None:
        node = self._node() if self.rng.random() < 0.8 else self.rng.choice(self.sim.site.healers)
        with self.sim.world.change(node) as machine:
            machine.sick = True

    def moves(self) -> None:
        """What runs on one node only is moved by its native owner."""
        jobs = [name for name, job in self.sim.site.jobs.items() if job.exclusive]
        for job in jobs:
            nodes = list(self.sim.site.crews[self.sim.site.jobs[job].group].nodes)
            self.rng.shuffle(nodes)
            units = self.sim.world.units
            if all(units[Target(one, job)].state in ("active", "inactive") for one in nodes):
                self.sim.world.set_unit(Target(nodes[0], job), "inactive", wedged=False)
                self.sim.world.set_unit(Target(nodes[1], job), "active", wedged=False)

    def power(self) -> Undo:
        node = self._node() if self.rng.random() < 0.8 else self.rng.choice(self.sim.site.healers)
        if not self.sim.world.nodes[node].up or self.sim.gates[node].busy:
            return None
        self.sim.world.power_off(node)

        def on() -> None:
            if not self.sim.world.nodes[node].up and node not in self.sim.world.off:
                self.sim.world.power_on(node)

        return on

    def cut(self, node: str = "") -> Undo:
        node = node or self._node()
        with self.sim.world.change(node) as machine:
            machine.cut = True

        def back() -> None:
            with self.sim.world.change(node) as machine:
                machine.cut = False

        return back

    def storms(self) -> Undo:
        nodes = [one for one in self.sim.site.racks if one not in self.sim.site.healers]
        gone = self.rng.sample(nodes, min(len(nodes), 3))
        backs = [self.cut(one) for one in gone]
        return lambda: [back() for back in backs if back is not None] and None

    def loses_rack(self, rack: str = "") -> Undo:
        """All nodes of a rack are gone, at once or one after the other, and come back so."""
        racks = self.sim.site.lost_together()
        nodes = list(racks[rack or self.rng.choice(list(racks))])
        self.rng.shuffle(nodes)
        step = self.rng.choice((0.0, 0.0, 1.0, 3.0))
        backs: list[Undo] = []

        async def lose() -> None:
            for node in nodes:
                backs.append(self.cut(node))
                await asyncio.sleep(step)

        async def mend() -> None:
            for back in backs:
                if back is not None:
                    back()
                await asyncio.sleep(step)

        self.sim.spawn(lose())
        return lambda: self.sim.spawn(mend()) and None

    # --- Power ---

    def misbehaves(self) -> Undo:
        return self._flag(self.sim.switch, "way", self.rng.choice(WAYS), "")

    def presses(self) -> None:
        """Somebody switches a node on that is off, and asks nobody."""
        if self.sim.world.off:
            self.sim.world.switch_on(self.rng.choice(sorted(self.sim.world.off)))

    def fences(self) -> Undo:
        """A person fences a node by hand, and lets it go again."""
        node = self.rng.choice(list(self.sim.site.fencing))
        gate = self.sim.gates[self.rng.choice(self.sim.site.fencing[node])]
        if gate.busy or self.sim.gates[node].busy:
            return None
        gate.mark("node.fence", node, "person:ann")
        self.sim.world.cut_off(node)

        def lets_go() -> None:
            if not gate.unmark("node.fence", node, "person:ann"):
                self.sim.world.switch_on(node)

        return lets_go

    def admits(self) -> None:
        """A person has a fenced node come back."""
        leader, fenced = self.sim.leader, self.sim.fenced()
        if fenced and leader is not None and leader.admission is not None:
            self.sim.spawn(self._said(leader.admission.admit, self.rng.choice(fenced)))

    # --- Healers, their clocks and their ways ---

    def _life(self) -> object:
        lives = [one for one in self.sim.lives.values() if not one.dead]
        leader = self.sim.leader
        return (
            leader
            if leader is not None and self.rng.random() < 0.7
            else self.rng.choice(lives)
            if lives
            else None
        )

    def _set(self, name: str, value: object, before: object) -> Undo:
        life = self._life()
        if life is None:
            return None
        setattr(life, name, value)
        return lambda: setattr(life, name, before)

    def kills_healer(self) -> None:
        life = self.sim.leader
        if life is not None:
            life.dies_at, life.dies_after = (
                life.commits + self.rng.randint(1, 3),
                self.rng.random() < 0.5,
            )

    def stops_healer(self) -> Undo:
        return self._set("frozen", True, False)

    def storeless(self) -> Undo:
        return self._set("storeless", True, False)

    def blinds(self) -> Undo:
        return self._set("blind", True, False)

    def apart(self) -> Undo:
        return self._set("apart", set(self.rng.sample(list(self.sim.site.racks), 2)), set())

    def jumps(self) -> Undo:
        node = self.rng.choice(self.sim.site.healers)
        self.sim.skews[node] += self.rng.choice((-3600.0, -200.0, -20.0, 20.0, 200.0, 3600.0))
        return None if self.rng.random() < 0.5 else lambda: self.sim.skews.update({node: 0.0})

    def fills(self) -> Undo:
        return self._flag(self.sim.shared, "full", True, False)

    def loses(self) -> Undo:
        return self._flag(self.sim, "loses", self.rng.choice((0.2, 0.5, 0.9)), 0.0)

    def _flag(self, thing: object, name: str, value: object, before: object) -> Undo:
        setattr(thing, name, value)
        return lambda: setattr(thing, name, before)

    # --- Monitoring ---

    def silent(self) -> Undo:
        return self._flag(self.sim.prometheus, "silent", True, False)

    def stalls(self) -> Undo:
        return self._flag(self.sim.prometheus, "stalled", True, False)

    def unscraped(self) -> Undo:
        return self._flag(self.sim.prometheus, "cut", {self._node()}, set())

    def peer_away(self) -> Undo:
        return self._flag(self.rng.choice(self.sim.peers), "away", True, False)

    def peer_unlinked(self) -> Undo:
        return self._flag(self.rng.choice(self.sim.peers), "linked", False, True)

    def peer_late(self) -> Undo:
        return self._flag(self.rng.choice(self.sim.peers), "lag", self.rng.randint(2, 5), 1)

    def peer_shifts(self) -> Undo:
        shift = self.rng.choice((-30.0, -1.0, 1.0, 30.0))
        return self._flag(self.rng.choice(self.sim.peers), "shift", shift, 0.0)

    def stale(self) -> None:
        """A peer goes on showing what is over, or shows it again."""
        peer = self.rng.choice(self.sim.peers)
        if peer.alerts:
            one = self.rng.choice(list(peer.alerts.values()))
            newer = replace(one, began_at=one.began_at + self.rng.choice((0.0, 0.0, 20.0)))
            until = self.sim.world.now + 30 * self.rng.random()
            peer.stuck[one.fingerprint] = (newer, until)

    def forges(self) -> None:
        """Somebody posts an alert about what is well, unknown, or none of ours."""
        target = self.rng.choice(
            [
                self._place() or Target("nobody"),
                Target("nobody", "nginx"),
                Target(self._node(), "unheard"),
                Target("mon1"),
            ]
        )
        name = self.rng.choice(("ServiceDown", "KernelHang", "Invented"))
        heal = self.rng.choice(("restart-service", "reboot-node", "unheard-of", "none"))
        made = alert_of(self.sim.site, name, target, EPOCH + self.sim.world.now, heal)
        if self.rng.random() < 0.2:
            rack = self.rng.choice([*self.sim.site.lost_together(), "rack-z"])
            made = loss_of(self.sim.site, rack, EPOCH + self.sim.world.now)
        until = self.sim.world.now + 30 * self.rng.random()
        self.rng.choice(self.sim.peers).stuck[made.fingerprint] = (made, until)

    # --- People ---

    def freezes(self) -> Undo:
        self.sim.spawn(self.sim.journal(ev.Frozen("moving racks", "ann")))
        return lambda: self.sim.spawn(self.sim.journal(ev.Unfrozen("ann"))) and None

    def holds(self) -> Undo:
        node = self._node()
        self.sim.spawn(self.sim.journal(ev.NodeHeld(node, "a fan", "ann", None)))
        return lambda: self.sim.spawn(self.sim.journal(ev.NodeReleased(node, "ann"))) and None

    def holds_gate(self) -> Undo:
        return self._flag(self.sim.gates[self._node()], "holds", ("a disk",), ())

    def takes_out(self) -> Undo:
        """A person takes a member out of a pool, or an address from a node, at one gate."""
        site = self.sim.site
        able = [
            (gate, "pool.drain", f"{pool}/{member}")
            for pool, (balancers, members, _) in site.pools.items()
            for gate in site.crews[balancers].nodes
            for member in site.crews[members].nodes
        ]
        able += [
            (gate, "address.decline", name)
            for name, (_, crew) in site.addresses.items()
            for gate in site.crews[crew].nodes
        ]
        if not able:
            return None
        gate, verb, subject = self.rng.choice(able)
        self.sim.gates[gate].mark(verb, subject, "person:ann")
        return lambda: self.sim.gates[gate].unmark(verb, subject, "person:ann") and None

    def silences(self) -> Undo:
        active = list(self.sim.prometheus.active)
        if not active:
            return None
        one = self.rng.choice(active)
        self.sim.silenced[one] = self.sim.world.now
        return lambda: self.sim.silenced.pop(one, None) and None

    def _say(self, word: str, *more: str) -> None:
        leader = self.sim.leader
        if leader is None or leader.journal is None:
            return
        ids = [one.id for one in leader.journal.board.open]
        if ids:
            self.sim.spawn(self._said(getattr(leader.operators, word), self.rng.choice(ids), *more))

    async def _said(self, say: Callable[..., object], incident: str, *more: str) -> None:
        with suppress(HaleError, Killed):
            await say(incident, *more, "ann")  # type: ignore[misc]

    def approves(self) -> None:
        self._say("approve")

    def adopts(self) -> None:
        self._say("adopt")

    def denies(self) -> None:
        self._say("deny")

    def retries(self) -> None:
        self._say("retry")

    def closes(self) -> None:
        self._say("close", "replaced the disk")

    def reloads(self) -> Undo:
        """cluster.yml calls groups or failure domains otherwise, and every healer reads it anew."""
        groups, racks = self.rng.choice(((False, True), (False, True), (True, False), (True, True)))
        self._reload(
            {one: regrouped(top, groups=groups, racks=racks) for one, top in self._first.items()}
        )
        return lambda: self._reload(self._first)

    def rewrites(self) -> Undo:
        """People change cluster.yml, and every healer reads it anew; they may take it back."""
        charters = self.sim.charters
        charter = amended(charters[0], f"c{len(charters)}", self.rng)
        charters.append(charter)
        self._reload(
            {
                one: charter.site.topology(one, charter.numbers, charter.digest)
                for one in self._first
            }
        )
        return (lambda: self._reload(self._first)) if self.rng.random() < 0.5 else None

    def _reload(self, topologies: Mapping[str, Topology]) -> None:
        self.sim.topologies.update(topologies)
        for life in self.sim.lives.values():
            if not life.dead:
                life.reload()

    def hints(self) -> None:
        active = tuple(self.sim.prometheus.active.values())
        if active:
            self.sim.spawn(self.sim.journal(ev.AlertsReceived(active)))
            leader = self.sim.leader
            if leader is not None and leader.engine is not None:
                leader.engine.wake()
