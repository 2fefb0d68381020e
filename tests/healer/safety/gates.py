"""Gates as docs/gate.md has them: a ledger, tokens, nonces, holds, marks, one verb at a time; and what verbs do.

What has begun goes on whoever loses the connection, and every effect is told to the oracle as it begins.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from healer.core.actions import BACKUP
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.look import MACHINE, Look, MachineLook, Mark, MemberLook, UnitLook
from healer.core.order import Ended, Order, Token
from tests.healer.safety.oracle import Oracle
from tests.healer.safety.power import Switch
from tests.healer.safety.site import Site, machine_of
from tests.healer.safety.verbs import Verbs
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
    """One node's gate. Its ledger and marks outlive a boot.

    Attributes:
        patch: The word with which a patch ends.
    """

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
    patch: str = "patched"

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
            machine=MachineLook(machine_of(self.node), None) if MACHINE in names else None,
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
            ended = await Verbs(self).does(order)
        finally:
            self.oracle.effect_ends(order.action_id)
            self.busy = ""
        if self.boot == boot and self.world.nodes[self.node].up:
            entry.ended = ended

    def mark(self, verb: str, subject: str, owner: str) -> None:
        """Take something away for one owner."""
        self.marks.setdefault((verb, subject), set()).add(owner)
        owners = self.oracle.owners.setdefault((self.node, verb, subject), set())
        if not owners:
            self.oracle.marked_at[self.node, verb, subject] = self.world.now
        owners.add(owner)
        if verb == "address.decline":
            self.world.declined.add((subject, self.node))
        elif verb == "database.bar":
            self.world.databases[subject].barred.setdefault(self.node, self.world.now)

    def unmark(self, verb: str, subject: str, owner: str) -> set[str]:
        """Let one owner go, and give back what has no other; return those that are left."""
        left = self.marks.pop((verb, subject), set()) - {owner}
        self.oracle.owners[self.node, verb, subject] = set(left)
        if left:
            self.marks[verb, subject] = left
        elif verb == "address.decline":
            self.world.declined.discard((subject, self.node))
        elif verb == "database.bar":
            self.world.databases[subject].barred.pop(self.node, None)
        return left
