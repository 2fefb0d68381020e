"""What a gate's verbs do in the simulated cluster, as docs/gate.md has them; what has begun goes on to its end."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from healer.core.actions import LOCK, subject_of
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.order import Ended, Order
from tests.healer.safety.replicas import Database

if TYPE_CHECKING:
    from tests.healer.safety.gates import Gate


class Verbs:
    """The verbs of one gate."""

    def __init__(self, gate: "Gate") -> None:
        self.gate = gate

    async def does(self, order: Order) -> Ended:
        told = dict(order.args)
        match order.verb:
            case "service.restart":
                return await self._restart(told["unit"].removesuffix(".service"))
            case "node.reboot":
                self.gate.world.power_off(self.gate.node)
                await asyncio.sleep(1 + self.gate.duration())
                self.gate.world.power_on(self.gate.node)
                return Ended(Outcome.DONE, "rebooted", "")
            case "pool.drain" | "address.decline":
                self.gate.mark(order.verb, subject_of(order.args), told["owner"])
                if order.verb == "pool.drain":
                    return Ended(Outcome.DONE, "drained", "")
                kept = self.gate.world.holder(told["address"]) == self.gate.node
                return Ended(Outcome.DONE, "last_candidate" if kept else "declined", "")
            case "pool.return" | "address.accept":
                mark = "pool.drain" if order.verb == "pool.return" else "address.decline"
                if self.gate.unmark(mark, subject_of(order.args), told["owner"]):
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
                self.gate.mark(order.verb, told["database"], told["owner"])
                return Ended(Outcome.DONE, "barred", "")
            case "database.admit":
                kept = self.gate.unmark("database.bar", told["database"], told["owner"])
                return Ended(Outcome.DONE, "still_marked" if kept else "admitted", "")
            case "node.lock":
                self.gate.mark(LOCK, self.gate.node, told["owner"])
                return Ended(Outcome.DONE, "locked", "")
            case "node.unlock":
                kept = self.gate.unmark(LOCK, self.gate.node, told["owner"])
                return Ended(Outcome.DONE, "still_marked" if kept else "unlocked", "")
            case "node.patch":
                return await self._patch()
            case "files.restore":
                return await self._restore(told["backup"])
        raise AssertionError(f"the simulation has no {order.verb}")

    async def _patch(self) -> Ended:
        """Patch the node, which has to be locked."""
        if (LOCK, self.gate.node) not in self.gate.marks:
            return Ended(Outcome.REFUSED, "not_locked", "")
        alive, word = self._alive(), self.gate.patch
        await asyncio.sleep(self.gate.duration())
        if not alive():
            return Ended(Outcome.UNKNOWN, "interrupted", "")
        return Ended(Outcome.FAILED if word == "patch_failed" else Outcome.DONE, word, "")

    def _alive(self) -> Callable[[], bool]:
        """Return what says whether this gate's node has run on since now."""
        boot = self.gate.boot
        return lambda: self.gate.world.nodes[self.gate.node].up and self.gate.boot == boot

    async def _fence(self, node: str, owner: str) -> Ended:
        fresh = ("node.fence", node) not in self.gate.marks
        self.gate.mark("node.fence", node, owner)
        ended, stays = await self.gate.switch.cuts(node, self._alive())
        if fresh and not stays:
            self.gate.unmark("node.fence", node, owner)
        return ended

    async def _unfence(self, node: str, owner: str) -> Ended:
        ended = Ended(Outcome.DONE, "still_marked", "others")
        if not self.gate.marks.get(("node.fence", node), set()) - {owner}:
            ended = await self.gate.switch.restores(node, self._alive())
        if ended.outcome is Outcome.DONE:
            self.gate.unmark("node.fence", node, owner)
        return ended

    async def _database(self, verb: str, told: dict[str, str]) -> Ended:
        """Ask Patroni for something as docs/gate.md has it: it does it, says no, or its answer is not heard."""
        database = self.gate.world.databases[told["database"]]
        way = database.way
        if verb == "database.switchover":
            if not self._may_lead(database, told.get("candidate", "")):
                return Ended(Outcome.REFUSED, "not_synchronous", "commits wait for another one")
            self.gate.mark("database.bar", told["database"], told["owner"])
        await asyncio.sleep(self.gate.duration())
        if not self.gate.world.nodes[self.gate.node].up:
            return Ended(Outcome.UNKNOWN, "interrupted", "")
        if way == "refuses":
            if verb == "database.switchover":
                self.gate.unmark("database.bar", told["database"], told["owner"])
            return Ended(Outcome.FAILED, "not_switched", "Patroni said 412")
        if way == "hangs":
            return Ended(Outcome.UNKNOWN, "deadline", "")
        if way == "hangs and moves":
            self.gate.spawn(self._asked(verb, told))
            return Ended(Outcome.UNKNOWN, "deadline", "")
        return await self._asked(verb, told)

    def _may_lead(self, database: Database, node: str) -> bool:
        return not database.synchronous or node == database.standby

    async def _asked(self, verb: str, told: dict[str, str]) -> Ended:
        """Have Patroni do it."""
        database = self.gate.world.databases[told["database"]]
        if verb == "database.switchover":
            if not (
                database.good(told["candidate"]) and self._may_lead(database, told["candidate"])
            ):
                return Ended(Outcome.FAILED, "not_switched", "the candidate is not there")
            database.leads(told["candidate"])
            return Ended(Outcome.DONE, "switched_over", told["candidate"])
        if verb == "database.restart":
            return await self._restart(database.job)
        member, unit = (
            database.members[self.gate.node],
            self.gate.world.units[database.place(self.gate.node)],
        )
        member.making = True
        unit.cures, unit.damaged = unit.cures or unit.damaged, False
        ended = await self._restart(database.job)
        member.making, member.astray, member.lag = False, False, 0
        good = ended.outcome is Outcome.DONE
        return Ended(ended.outcome, "reinitialized" if good else "not_reinitialized", "")

    async def _restore(self, backup: str) -> Ended:
        """Put a backup in place as docs/gate.md has it; where that hangs it goes on, and its end is not heard."""
        way = self.gate.world.vaults.kept[self.gate.node, backup].way
        await asyncio.sleep(self.gate.duration())
        if not way:
            return await self._put_back(self.gate.site.backups[backup].job)
        if way != "hangs":
            return Ended(Outcome.FAILED, "not_restored", way)
        self.gate.spawn(self._put_back(self.gate.site.backups[backup].job))
        return Ended(Outcome.UNKNOWN, "deadline", "")

    async def _put_back(self, job: str) -> Ended:
        """Have old and new change places, unless the node went down first, and start the service again."""
        if not self.gate.world.nodes[self.gate.node].up:
            return Ended(Outcome.UNKNOWN, "interrupted", "")
        unit = self.gate.world.units[Target(self.gate.node, job)]
        unit.cures, unit.damaged = unit.cures or unit.damaged, False
        ended = await self._restart(job)
        if ended.outcome is Outcome.UNKNOWN:
            return ended
        good = ended.outcome is Outcome.DONE
        return Ended(ended.outcome, "restored" if good else "not_restored", ended.reason)

    async def _restart(self, job: str) -> Ended:
        places = [
            Target(self.gate.node, one) for one in self.gate.site.stopped_with(job, self.gate.node)
        ]
        ran = {one for one in places if self.gate.world.units[one].state == "active"}
        ran.add(Target(self.gate.node, job))
        boot = self.gate.boot
        for place in ran:
            self.gate.world.set_unit(place, "activating")
        await asyncio.sleep(self.gate.duration())
        if self.gate.boot != boot or not self.gate.world.nodes[self.gate.node].up:
            return Ended(Outcome.UNKNOWN, "power", "")
        good = True
        for place in ran:
            cures = self.gate.world.units[place].cures
            good &= cures
            self.gate.world.set_unit(place, "active" if cures else "failed", wedged=False)
        return Ended(
            Outcome.DONE if good else Outcome.FAILED, "restarted" if good else "start_failed", ""
        )
