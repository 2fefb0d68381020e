"""Reboot locks, as nodes ask for them: who asks is known by where from, and by the id that its own gate tells."""

import asyncio
import ipaddress
from dataclasses import dataclass

from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_events import Kind
from healer.core.upkeep_steps import TAKING_SECONDS
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.standing import Watch
from healer.upkeeper import Upkeeper
from healer.web.senders import Senders

PATIENCE = TAKING_SECONDS + 20.0
"""Seconds for which a node waits until its users are gone. Zincati waits for half an hour."""


@dataclass(frozen=True, slots=True)
class Locks:
    """Gives nodes their lock, and takes it back.

    Attributes:
        watch: Told who waits, for people to look at.
        within_seconds: In which a node that got it should be back.
        senders: What they show besides their address; None for nothing.
    """

    upkeeper: Upkeeper
    gatherer: Gatherer
    watch: Watch
    within_seconds: float
    senders: Senders | None

    async def who(self, address: str, machine: str, group: str) -> str:
        """Return the node that asks.

        Args:
            address: Where from.
            machine: The id that it sent.
            group: The FleetLock group that it sent.

        Raises:
            Refused: It is none of ours, or not the one that it says it is.
        """
        topology = self.gatherer.topology
        here = [one.name for one in topology.nodes.values() if _same(one.address, address)]
        if not here:
            raise Refused("unknown_address", f"no node of cluster.yml has the address {address}")
        node = here[0]
        known = topology.groups.get(group)
        if known is not None and node not in known.nodes:
            raise Refused("wrong_group", f"{node} is not in the group {group}")
        told = await self.gatherer.machine(node)
        if told is None:
            raise Refused("gate_silent", f"the gate of {node} does not say what its machine is")
        if told.fleet_lock_id != machine:
            raise Refused("wrong_id", f"{node} is not {machine[:40]!r} by its own gate")
        return node

    async def lock(self, node: str, machine: str) -> Upkeep:
        """Take a node out of service for its own reboot, and return once nobody uses it any more and it may boot now.

        Raises:
            Refused: A guard holds, or it could not be taken in time. A node that was taken before stays so.
        """
        try:
            found = await self._taken(node, machine)
        except Refused as error:
            self.watch.note_lock_refused(node, error.reason, error.detail)
            raise
        self.watch.lock_waits.pop(node, None)
        return found

    async def _taken(self, node: str, machine: str) -> Upkeep:
        by = f"fleet_lock {machine}"
        until = asyncio.get_running_loop().time() + PATIENCE
        begun = await self.upkeeper.begin(node, Kind.LOCK, "reboot", by, self.within_seconds)
        phases = frozenset({Phase.AWAY, Phase.RETURNING, Phase.OVER})
        found = await self.upkeeper.settled(begun.id, phases, PATIENCE)
        if found.phase is not Phase.AWAY:
            held = self.watch.upkeep_held.get(found.id)
            detail = found.detail or f"it is {found.phase.value}"
            if held is not None:
                detail += f", and waits: {held.reason}: {held.sentence}"
            raise Refused(found.failed or "taking", f"{node} is not out of service: {detail}")
        # A node may ask for hours after it was taken, or again and again: each yes is to a boot in this moment.
        await self.upkeeper.may_boot(found.id, until - asyncio.get_running_loop().time())
        return found

    async def unlock(self, node: str) -> None:
        """Give a node back that had a lock; one that has none is as it should be."""
        self.watch.lock_waits.pop(node, None)
        known = self.upkeeper.of(node)
        if known is not None and known.kind is Kind.LOCK:
            await self.upkeeper.end(node, "its own word")


def _same(declared: str, address: str) -> bool:
    """Whether two addresses are one, whatever they are written like; a name is none."""
    try:
        one, other = ipaddress.ip_address(declared), ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(other, "ipv4_mapped", None)
    return one == (mapped or other)
