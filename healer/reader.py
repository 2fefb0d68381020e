"""Reads the last lines of a node that is missed, in the background: nothing waits for them, nothing is decided by them.

Level-based: what is due is seen from the open incidents, so a restart forgets none and reads none twice.
"""

import asyncio

import structlog

from healer.core import incident_events as ie
from healer.core.alert import NODE_DEATH, Alert
from healer.core.causes import LOSSES
from healer.core.incident import Incident
from healer.core.lastlines import LastLines
from healer.core.states import IllegalMove
from healer.core.topology import Topology
from healer.errors import Malformed, StoreFull, Unreachable
from healer.journal import Journal
from healer.plain import printable
from healer.ports import Copied, Copies
from healer.standing import Watch

log = structlog.get_logger()

EVERY = 2.0
"""Seconds between two looks at what is due."""

NODES = 5
"""Nodes of one incident whose lines are read: of a lost rack the first tell as much as all."""

INCIDENTS = 20
"""Open incidents that have such lines. Where more are missed it is the network, and no node's last line says why."""

LOOKS = 10
"""Looks at the copies for one incident in one life of the healer: a node may go and come all night."""

Episode = tuple[str, float]


class Reader:
    """Looks at the copies of a node's journal once an incident and Prometheus both miss that node."""

    def __init__(
        self,
        journal: Journal,
        topology: Topology,
        copies: Copies,
        watch: Watch,
        every: float = EVERY,
    ) -> None:
        """Read nothing yet."""
        self._journal = journal
        self._topology = topology
        self._copies = copies
        self._watch = watch
        self._every = every
        self._looked: dict[str, set[Episode]] = {}

    async def run(self) -> None:
        """Read what is due, one node after the other, until cancelled."""
        while True:
            while (due := self._due()) is not None:
                await self._read(*due)
            await asyncio.sleep(self._every)

    def _due(self) -> tuple[Incident, Alert] | None:
        """Return what is to be read next; None for nothing."""
        still_open = self._journal.board.open
        known = {one.id for one in still_open}
        self._looked = {name: seen for name, seen in self._looked.items() if name in known}
        full = sum(bool(one.last_lines) for one in still_open) >= INCIDENTS
        for incident in still_open:
            if full and not incident.last_lines:
                continue
            seen = self._seen(incident)
            for alert in self._missed(incident):
                if alert.episode not in seen and len(seen) < LOOKS:
                    return incident, alert
        return None

    def _missed(self, incident: Incident) -> list[Alert]:
        """Return for each node that is missed what says so: that it is dead, where that is said too.

        Anyone can post such an alert, so Prometheus has to miss the node as well.
        """
        picture = self._watch.latest
        seen = picture.nodes if picture is not None else {}
        missed = {node for node, health in seen.items() if health.scraped is False}
        found: dict[str, Alert] = {}
        for alert in incident.alerts:
            node = alert.target.node
            if alert.name not in LOSSES or node not in missed & self._topology.nodes.keys():
                continue
            if node not in found or alert.name == NODE_DEATH:
                found[node] = alert
        return list(found.values())[:NODES]

    def _seen(self, incident: Incident) -> set[Episode]:
        return self._looked.get(incident.id, set()) | {one.episode for one in incident.last_lines}

    async def _read(self, incident: Incident, alert: Alert) -> None:
        self._looked.setdefault(incident.id, set()).add(alert.episode)
        node = alert.target.node
        try:
            copied = await self._copies.last_of(node)
        except Unreachable as error:
            copied = Copied((), str(error))
        now = self._watch.clock.wall()
        found = LastLines(node, alert.episode, now, copied.lines, copied.trouble)
        try:
            await self._journal.write(ie.LastLinesRead(incident.id, found))
        except IllegalMove:
            log.info("last_lines.too_late", incident=incident.id, node=node)
        except (StoreFull, Malformed) as error:
            told = printable(str(error))
            log.warning("last_lines.not_kept", incident=incident.id, node=node, error=told)
