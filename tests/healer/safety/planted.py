"""Faults of the healer's own that are planted on purpose, to see that the oracle notices each."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from healer import engine, upkeep_permits, upkeep_runner
from healer.core import correlate, databases, decide, guards, plan, upkeep_guards, upkeep_steps
from healer.core import incident_events as ie
from healer.core.actions import LOCK, MARKING, RESTORE, UNLOCK
from healer.core.facts import Facts
from healer.core.guards import authority
from healer.core.incident import MERGED, Incident
from healer.core.order import OwnAlert
from healer.core.topology import Database, Topology
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_events import Kind, Move
from healer.core.verdict import allow
from healer.engine import Engine
from healer.herald import Herald
from healer.operators import Operators
from healer.web.locks import Locks
from tests.healer.safety.lives import Life


def without(name: str) -> None:
    """Let one guard allow everything."""
    guards.GUARDS = tuple(
        replace(one, judge=lambda *_: allow(name, have="planted", need="-"))
        if one.name == name
        else one
        for one in guards.GUARDS
    )


def never_closes() -> None:
    """What is seen gone stays open."""
    decide._close = lambda *_: decide.Stay()


def closes_blindly() -> None:
    """What nobody saw gone is closed all the same."""
    engine.seen_gone = lambda *_: True


def tells_nobody() -> None:
    """People are not called for what the healer cannot help."""
    Herald._wanted = lambda *_: ()


def tells_on() -> None:
    """People are called on for what is over."""
    wanted = Herald._wanted

    def all_that_was_told(self: Herald, cluster: str, now: float) -> Iterable[OwnAlert]:
        told = {one.labels: one for one, _ in self._posted.values()}
        return (told | {one.labels: one for one in wanted(self, cluster, now)}).values()

    Herald._wanted = all_that_was_told


def merges_into_nothing() -> None:
    """What becomes part of another incident is not told there."""
    correlate._merged = lambda other, _: [ie.IncidentClosed(other.id, MERGED, "")]


def keeps_marks() -> None:
    """What was taken out of harm's way stays there when its trouble is over."""
    decide._give_back = lambda *_: None


def reads_nothing_anew() -> None:
    """cluster.yml is noted as read anew, and the healer goes on by the one before."""
    put_together = Life._engine

    def as_before(self: Life, *parts: Any) -> Engine:
        changed, self.topology = self.topology, self.__dict__.setdefault("first", self.topology)
        try:
            return put_together(self, *parts)
        finally:
            self.topology = changed

    Life._engine = as_before


def restores_again() -> None:
    """A restore that was tried is tried once more, as often as guards let it."""
    tries = Incident.tries

    def none_of_restores(self: Incident, *args: Any) -> int:
        return 0 if RESTORE in args else tries(self, *args)

    Incident.tries = none_of_restores


def needs_no_owner() -> None:
    """What may bring back older data is put back as the ladder says, without an owner's word."""
    plan._agreed = lambda rung, *_: rung


def anybody_owns() -> None:
    """Whoever agrees counts as an owner."""
    approve = Operators.approve

    async def as_owner(self: Operators, *args: Any, **more: Any) -> ie.ApprovalGiven:
        return await approve(self, *args, **{**more, "owner": True})

    Operators.approve = as_owner


def moves_while_paused() -> None:
    """A person's pause of Patroni is not heeded."""
    authority.paused = lambda *_: None


def any_candidate() -> None:
    """Whoever is next by name leads next."""

    def first(database: Database, leader: str, facts: Facts) -> databases.Candidates:
        others = [one for one in facts.topology.groups[database.group].nodes if one != leader]
        return databases.Candidates(next(iter(others), None), {})

    databases.candidates = first


def forgets_the_standby() -> None:
    """Whoever has the data may lead next, whether commits wait for it or not."""
    databases._doubter = lambda *_: None


def hears_one_gate() -> None:
    """For whom commits wait is what the first gate says."""

    def first(node: str, database: Database, facts: Facts) -> str | None:
        look = databases.seen(database, facts)
        stands = look is None or look.members[node].role == databases.SYNC_STANDBY
        return None if stands or not look.synchronous else "the first"

    databases._doubter = first


def takes_anybody() -> None:
    """No guard is asked before a node is taken out of service."""
    asked = upkeep_permits.judge
    upkeep_permits.judge = lambda wish, facts: () if wish.verb == LOCK else asked(wish, facts)


def goes_through_anybody() -> None:
    """A node is taken away through others that are held, or away themselves."""
    upkeep_guards._kept = lambda *_: None


def sees_no_lock() -> None:
    """Ladders go on as if nobody were away for upkeep."""
    Facts.locks = property(lambda _: {})


def lets_reboot_early() -> None:
    """A node that asks for its lock is answered before anything of it is taken."""

    async def begun(self: Locks, node: str, machine: str) -> Upkeep:
        return await self.upkeeper.begin(node, Kind.LOCK, "reboot", machine, 40.0)

    Locks._taken = begun


def unlocks_first() -> None:
    """What was taken first is given back first: the lock."""
    in_order = upkeep_steps.to_give_back

    def lock_first(upkeep: Upkeep, topology: Topology) -> tuple[upkeep_steps.Do, ...]:
        of_lock = tuple(one for one in upkeep.tasks if one.action in (LOCK, UNLOCK))
        lock = in_order(replace(upkeep, tasks=of_lock), topology)
        return lock or in_order(upkeep, topology)

    upkeep_steps.to_give_back = lock_first


def forgets_the_dead() -> None:
    """A node that dies with its lock has none any more."""
    chosen = upkeep_runner.next_step

    def without_the_dead(
        upkeep: Upkeep, topology: Topology, now: float, lost: Any, *rest: Any, **more: Any
    ) -> Any:
        if upkeep.phase is Phase.AWAY and upkeep.node in lost:
            return upkeep_steps.Go(Move.END, "ended", "it is dead")
        return chosen(upkeep, topology, now, lost, *rest, **more)

    upkeep_runner.next_step = without_the_dead


def marks_again() -> None:
    """What is taken away already is taken away once more."""
    upkeep_steps._done = lambda *_: False


def waits_for_the_gone() -> None:
    """What cluster.yml has no more is waited for."""
    known = upkeep_steps.to_give_back

    def with_the_gone(upkeep: Upkeep, topology: Topology) -> tuple[upkeep_steps.Do, ...]:
        gone = [one for one in upkeep.marks if one.gate not in topology.nodes]
        to_them = (upkeep_steps.Do(MARKING[one.action], *one.place, "", 30.0) for one in gone)
        return (*to_them,) or known(upkeep, topology)

    upkeep_steps.to_give_back = with_the_gone


FAULTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        *(never_closes, closes_blindly, tells_nobody, tells_on, merges_into_nothing),
        *(keeps_marks, reads_nothing_anew, restores_again, needs_no_owner, anybody_owns),
        *(moves_while_paused, any_candidate, forgets_the_standby, hears_one_gate),
        *(takes_anybody, goes_through_anybody, sees_no_lock, lets_reboot_early, unlocks_first),
        *(forgets_the_dead, marks_again, waits_for_the_gone),
    )
}
