"""Gates as docs/gate.md has them: a ledger, tokens, nonces, holds, marks, one verb at a time; and what verbs do.

What has begun goes on whoever loses the connection, and every effect is told to the oracle as it begins.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from healer.core.actions import BACKUP, subject_of
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.look import Look, Mark, MemberLook, UnitLook
from healer.core.order import Ended, Order, Token
from tests.healer.safety.oracle import Oracle
from tests.healer.safety.power import Switch
from tests.healer.safety.site import Site
from tests.healer.safety.world import World

NONCE_SECONDS = 2.0


def refused(reason: str) -> Ended:
    return Ended(Outcome.REFUSED, reason, "")


@dataclass
class Entry:
    """One id in the ledger."""

    order: Order
    boot: int
    ended: Ended | None = None


@dataclass
class Gate:
    """One node's gate. Its ledger and marks outlive a boot."""

    node: str
    site: Site
    world: World
    oracle: Oracle
    spawn: Callable[..., object]
    duration: Callable[[], float]
    switch: Switch
    ledger: dict[str, Entry] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    highest: tuple[int, int] | None = None
    holds: tuple[str, ...] = ()
    marks: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    busy: str = ""

    @property
    def boot(self) -> int:
        return self.world.nodes[self.node].boot

    def look(self, names: tuple[str, ...]) -> Look:
        return Look(
            cluster=self.site.cluster,
            node=self.node,
            boot_id=f"{self.node}-{self.boot}",
            ledger_id=f"ledger-{self.node}",
            highest_token=self.highest,
            holds=self.holds,
            units={name: self._unit(name) for name in names if name.endswith(".service")},
            pools={
                name[5:]: {one: self._member(name[5:], one) for one in self._members(name[5:])}
                for name in names
                if name.startswith("pool:")
            },
            addresses={
                name: self.world.holder(name) == self.node
                for name, (_, crew) in self.site.addresses.items()
                if self.node in self.site.crews[crew].nodes
            },
            databases={
                name: one.look(self.node)
                for name, one in self.world.databases.items()
                if f"database:{name}" in names
            },
            marks=tuple(
                Mark(verb, subject, tuple(owners), True)
                for (verb, subject), owners in self.marks.items()
            ),
            backups={
                name: self.world.vaults.kept[self.node, name.removeprefix(BACKUP)].look()
                for name in names
                if name.startswith(BACKUP)
            },
            powers={
                name[6:]: self.switch.reads(name[6:])
                for name in names
                if name.startswith("power:") and self.node in self.site.fencing.get(name[6:], ())
            },
        )

    def _members(self, pool: str) -> tuple[str, ...]:
        return self.site.crews[self.site.pools[pool][1]].nodes

    def _member(self, pool: str, member: str) -> MemberLook:
        out = ("pool.drain", f"{pool}/{member}") in self.marks
        return MemberLook("drain" if out else "ready", "up", 0)

    def _unit(self, name: str) -> UnitLook | None:
        unit = self.world.units.get(Target(self.node, name.removesuffix(".service")))
        if unit is None:
            return None
        job = name.removesuffix(".service")
        above = sorted(self.site.stopped_with(job, self.node) - {job})
        return UnitLook(
            unit=name,
            load_state="loaded",
            active_state=unit.state,
            sub_state=unit.state,
            result="signal",
            invocation_id=f"i{unit.invocation}",
            restarts=0,
            age_seconds=self.world.now - unit.changed_at,
            reverse_dependencies=tuple(f"{one}.service" for one in above),
        )

    # --- Requests ---

    def receive(
        self, order: Order, token: Token, nonce_at: float, nonce_boot: int
    ) -> Entry | Ended:
        """Take a request: what was here before is answered from the ledger, what may run begins."""
        known = self.ledger.get(order.action_id)
        if known is not None:
            return known if known.order == order else refused("id_reused")
        if order.action_id in self.voided:
            return refused("voided")
        if self.world.now - nonce_at > NONCE_SECONDS or nonce_boot != self.boot:
            return refused("stale_nonce")
        if self.highest is not None and (token.era, token.term) < self.highest:
            return refused("lower_token")
        self.highest = (token.era, token.term)
        if self.holds:
            return refused("held")
        if self.busy:
            return refused("busy")
        if not self._as_expected(order):
            return refused("changed")
        entry = self.ledger[order.action_id] = Entry(order, self.boot)
        self.busy = order.action_id
        self.spawn(self._run(entry))
        return entry

    def settle(self, action_id: str, token: Token) -> Ended | None:
        if self.highest is not None and (token.era, token.term) < self.highest:
            return refused("lower_token")
        self.highest = (token.era, token.term)
        entry = self.ledger.get(action_id)
        if entry is None:
            self.voided.add(action_id)
            return Ended(Outcome.NOT_SENT, "voided", "")
        if entry.ended is None and entry.boot != self.boot:
            done = entry.order.verb == "node.reboot"
            entry.ended = Ended(Outcome.DONE if done else Outcome.UNKNOWN, "rebooted", "")
        return entry.ended

    def _as_expected(self, order: Order) -> bool:
        want = json.loads(order.expect or "{}")
        if want.get("boot_id") != f"{self.node}-{self.boot}":
            return False
        for name, state in want.get("units", {}).items():
            seen = self._unit(name)
            if seen is None or state != {
                "active_state": seen.active_state,
                "invocation_id": seen.invocation_id,
            }:
                return False
        for name, state in want.get("addresses", {}).items():
            if state["held"] != (self.world.holder(name) == self.node):
                return False
        for subject, state in want.get("pools", {}).items():
            pool, _, member = subject.partition("/")
            if state["admin"] != self._member(pool, member).admin:
                return False
        for name, state in want.get("databases", {}).items():
            look = self.world.databases[name].look(self.node)
            if look is None or state != {"leader": look.leader, "timeline": look.timeline}:
                return False
        for name, state in want.get("backups", {}).items():
            if state["snapshot"] != self.world.vaults.kept[self.node, name].snapshot:
                return False
        return True

    # --- Verbs ---

    async def _run(self, entry: Entry) -> None:
        order, boot = entry.order, self.boot
        self.oracle.effect_begins(self.node, order)
        try:
            ended = await self._verb(order)
        finally:
            self.oracle.effect_ends(order.action_id)
            self.busy = ""
        if self.boot == boot and self.world.nodes[self.node].up:
            entry.ended = ended

    async def _verb(self, order: Order) -> Ended:
        told = dict(order.args)
        match order.verb:
            case "service.restart":
                return await self._restart(told["unit"].removesuffix(".service"))
            case "node.reboot":
                self.world.power_off(self.node)
                await asyncio.sleep(1 + self.duration())
                self.world.power_on(self.node)
                return Ended(Outcome.DONE, "rebooted", "")
            case "pool.drain" | "address.decline":
                self.mark(order.verb, subject_of(order.args), told["owner"])
                if order.verb == "pool.drain":
                    return Ended(Outcome.DONE, "drained", "")
                kept = self.world.holder(told["address"]) == self.node
                return Ended(Outcome.DONE, "last_candidate" if kept else "declined", "")
            case "pool.return" | "address.accept":
                mark = "pool.drain" if order.verb == "pool.return" else "address.decline"
                if self.unmark(mark, subject_of(order.args), told["owner"]):
                    return Ended(Outcome.DONE, "still_marked", "others")
                done = "returned" if mark == "pool.drain" else "accepted"
                return Ended(Outcome.DONE, done, "")
            case "node.fence":
                return await self._fence(told["node"], told["owner"])
            case "node.unfence":
                return await self._unfence(told["node"], told["owner"])
            case "database.switchover" | "database.restart" | "database.reinit":
                return await self._database(order.verb, told)
            case "database.bar":
                self.mark(order.verb, told["database"], told["owner"])
                return Ended(Outcome.DONE, "barred", "")
            case "database.admit":
                kept = self.unmark("database.bar", told["database"], told["owner"])
                return Ended(Outcome.DONE, "still_marked" if kept else "admitted", "")
            case "files.restore":
                return await self._restore(told["backup"])
        raise AssertionError(f"the simulation has no {order.verb}")

    def _alive(self) -> Callable[[], bool]:
        """Return what says whether this gate's node has run on since now."""
        boot = self.boot
        return lambda: self.world.nodes[self.node].up and self.boot == boot

    async def _fence(self, node: str, owner: str) -> Ended:
        fresh = ("node.fence", node) not in self.marks
        self.mark("node.fence", node, owner)
        ended, stays = await self.switch.cuts(node, self._alive())
        if fresh and not stays:
            self.unmark("node.fence", node, owner)
        return ended

    async def _unfence(self, node: str, owner: str) -> Ended:
        ended = Ended(Outcome.DONE, "still_marked", "others")
        if not self.marks.get(("node.fence", node), set()) - {owner}:
            ended = await self.switch.restores(node, self._alive())
        if ended.outcome is Outcome.DONE:
            self.unmark("node.fence", node, owner)
        return ended

    async def _database(self, verb: str, told: dict[str, str]) -> Ended:
        """Ask Patroni for something as docs/gate.md has it: it does it, says no, or its answer is not heard."""
        database = self.world.databases[told["database"]]
        way = database.way
        if verb == "database.switchover":
            self.mark("database.bar", told["database"], told["owner"])
        await asyncio.sleep(self.duration())
        if not self.world.nodes[self.node].up:
            return Ended(Outcome.UNKNOWN, "interrupted", "")
        if way == "refuses":
            if verb == "database.switchover":
                self.unmark("database.bar", told["database"], told["owner"])
            return Ended(Outcome.FAILED, "not_switched", "Patroni said 412")
        if way == "hangs":
            return Ended(Outcome.UNKNOWN, "deadline", "")
        if way == "hangs and moves":
            self.spawn(self._asked(verb, told))
            return Ended(Outcome.UNKNOWN, "deadline", "")
        return await self._asked(verb, told)

    async def _asked(self, verb: str, told: dict[str, str]) -> Ended:
        """Have Patroni do it."""
        database = self.world.databases[told["database"]]
        if verb == "database.switchover":
            if not database.good(told["candidate"]):
                return Ended(Outcome.FAILED, "not_switched", "the candidate is not there")
            database.leads(told["candidate"])
            return Ended(Outcome.DONE, "switched_over", told["candidate"])
        if verb == "database.restart":
            return await self._restart(database.job)
        member, unit = database.members[self.node], self.world.units[database.place(self.node)]
        member.making = True
        unit.cures, unit.damaged = unit.cures or unit.damaged, False
        ended = await self._restart(database.job)
        member.making, member.astray, member.lag = False, False, 0
        good = ended.outcome is Outcome.DONE
        return Ended(ended.outcome, "reinitialized" if good else "not_reinitialized", "")

    async def _restore(self, backup: str) -> Ended:
        """Put a backup in place as docs/gate.md has it; where that hangs it goes on, and its end is not heard."""
        way = self.world.vaults.kept[self.node, backup].way
        await asyncio.sleep(self.duration())
        if not way:
            return await self._put_back(self.site.backups[backup].job)
        if way != "hangs":
            return Ended(Outcome.FAILED, "not_restored", way)
        self.spawn(self._put_back(self.site.backups[backup].job))
        return Ended(Outcome.UNKNOWN, "deadline", "")

    async def _put_back(self, job: str) -> Ended:
        """Have old and new change places, unless the node went down first, and start the service again."""
        if not self.world.nodes[self.node].up:
            return Ended(Outcome.UNKNOWN, "interrupted", "")
        unit = self.world.units[Target(self.node, job)]
        unit.cures, unit.damaged = unit.cures or unit.damaged, False
        ended = await self._restart(job)
        if ended.outcome is Outcome.UNKNOWN:
            return ended
        good = ended.outcome is Outcome.DONE
        return Ended(ended.outcome, "restored" if good else "not_restored", ended.reason)

    def mark(self, verb: str, subject: str, owner: str) -> None:
        """Take something away for one owner."""
        self.marks.setdefault((verb, subject), set()).add(owner)
        if verb == "pool.drain":
            self.oracle.marks.add((self.node, *subject.split("/")))
        elif verb == "address.decline":
            self.world.declined.add((subject, self.node))
        elif verb == "database.bar":
            self.world.databases[subject].barred.setdefault(self.node, self.world.now)

    def unmark(self, verb: str, subject: str, owner: str) -> set[str]:
        """Let one owner go, and give back what has no other; return those that are left."""
        left = self.marks.pop((verb, subject), set()) - {owner}
        if left:
            self.marks[verb, subject] = left
        elif verb == "pool.drain":
            self.oracle.marks.discard((self.node, *subject.split("/")))
        elif verb == "address.decline":
            self.world.declined.discard((subject, self.node))
        elif verb == "database.bar":
            self.world.databases[subject].barred.pop(self.node, None)
        return left

    async def _restart(self, job: str) -> Ended:
        places = [Target(self.node, one) for one in self.site.stopped_with(job, self.node)]
        ran = {one for one in places if self.world.units[one].state == "active"}
        ran.add(Target(self.node, job))
        boot = self.boot
        for place in ran:
            self.world.set_unit(place, "activating")
        await asyncio.sleep(self.duration())
        if self.boot != boot or not self.world.nodes[self.node].up:
            return Ended(Outcome.UNKNOWN, "power", "")
        good = True
        for place in ran:
            cures = self.world.units[place].cures
            good &= cures
            self.world.set_unit(place, "active" if cures else "failed", wedged=False)
        return Ended(
            Outcome.DONE if good else Outcome.FAILED, "restarted" if good else "start_failed", ""
        )
