"""What is asked for upkeep: to take a node out of service, to give it back, and what would be done.

Each is judged in healer.upkeep_permits and written down here; what follows from it is healer.upkeep_runner's.
"""

import asyncio
from dataclasses import replace

from healer.core import upkeep_events as ue
from healer.core.guards import deciding
from healer.core.planned import Planned
from healer.core.states import IllegalMove
from healer.core.upkeep import Phase, Upkeep, owner_of
from healer.core.upkeep_databases import moves
from healer.core.upkeep_events import Kind, Move
from healer.core.upkeep_steps import Do, taking
from healer.core.verdict import Verdict
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.ports import Clock
from healer.standing import Watch
from healer.upkeep_permits import Permits, said
from healer.upkeep_runner import PAUSE, UpkeepRunner

SETTLES = frozenset({"owner_settled", "last_copy"})
"""Guards that hold for a moment after an address or a database was moved away."""


class Upkeeper:
    """The one place from which a node is taken out of service for upkeep."""

    def __init__(
        self,
        journal: Journal,
        gatherer: Gatherer,
        runner: UpkeepRunner,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._runner = runner
        self._clock = clock
        self._permits = Permits(journal, gatherer, watch, clock)
        self._beginning = asyncio.Lock()

    async def begin(
        self, node: str, kind: Kind, reason: str, by: str, seconds: float, roll: str = ""
    ) -> Upkeep:
        """Take a node out of service, if every guard allows it.

        Returns:
            The upkeep, which goes on by itself; one that this node has already for the same kind.

        Raises:
            Refused: A guard holds, or it is away for something else; nothing was changed.
            StoreFull: It cannot be made durable; nothing was changed.
            LeaseLost: Another healer leads; nothing was changed.
        """
        async with self._beginning:  # two that ask at once must see each other
            known = self.of(node)
            if known is not None:
                if known.kind is kind and known.phase is not Phase.RETURNING:
                    return known
                raise Refused(
                    "node_locked",
                    f"{node} is away already: {known}, {known.phase.value}. Look with `hale-healer status`; where that "
                    f"is over, give {node} back with `hale-healer maintenance end {node}`",
                )
            facts, upkeep = await self._permits.facts(node), self._planned.next_upkeep
            began_at = self._clock.wall()
            owner = owner_of(upkeep, began_at)
            wish = self._permits.to_take(node, kind, owner, facts, roll)
            refused = deciding(self._permits.judged(wish, facts))
            if refused is not None:
                raise Refused(refused.reason or "", said(refused))
            until = began_at + seconds
            began = ue.UpkeepBegan(upkeep, kind, node, reason, by, until, roll, began_at)
            try:
                await self._journal.write(began, provided=self._permits.as_judged(wish))
            except IllegalMove as error:
                raise Refused(
                    "changed_since",
                    f"{node}: something else began in this moment, and nothing was done. Look with `hale-healer "
                    "status`, then ask again",
                ) from error
        self._runner.wake()
        return self._planned.upkeeps[upkeep]

    async def postpone(self, upkeep: Upkeep, by: str, seconds: float) -> Upkeep:
        """Say anew by when a person's upkeep should be over, sooner or later than was said; its silence follows.

        Args:
            upkeep: As it is now.
            by: Who says so.
            seconds: From now.

        Raises:
            Refused: It ends already; nothing was changed.
            StoreFull, LeaseLost: As `begin`.
        """
        until = self._clock.wall() + seconds
        try:
            await self._journal.write(ue.UpkeepUntilSet(upkeep.id, until, by))
        except IllegalMove as error:
            raise Refused(
                "changed_since",
                f"{upkeep.node}: {upkeep} ends in this moment, and its time stays. Once it is over (`hale-healer "
                f"status`), take the node anew with `hale-healer maintenance start {upkeep.node}`",
            ) from error
        self._runner.wake()
        return self._planned.upkeeps[upkeep.id]

    async def end(self, node: str, by: str) -> Upkeep:
        """Give a node back.

        Raises:
            Refused: It is not away, or is being patched; nothing was changed.
        """
        known = self.of(node)
        if known is None:
            raise Refused(
                "not_away",
                f"{node} is not out of service for this healer, so there is nothing to end. Where it is locked all the "
                f"same, look on {node} with `hale-gate marks`, and end it there with `hale-gate unlock --all`",
            )
        if known.phase is not Phase.RETURNING:
            try:
                await self._journal.write(ue.UpkeepMoved(known.id, Move.END, "ended", f"by {by}"))
            except IllegalMove as error:
                work = "patch" if known.phase is Phase.PATCHING else "boot"
                raise Refused(
                    "at_work",
                    f"{node} is {known.phase.value} ({known}), and its {work} is not ended half way. Look with "
                    f"`hale-healer status`; it is given back after that, or stays stopped: then ask again with "
                    f"`hale-healer maintenance end {node}`",
                ) from error
        self._runner.wake()
        return self._planned.upkeeps[known.id]

    async def may_boot(self, upkeep_id: str, seconds: float) -> None:
        """Ask every guard once more whether a node that is away may boot now, and wait for what ends by itself.

        Args:
            upkeep_id: What keeps it away.
            seconds: To wait for an owner's own time, or another action's end.

        Raises:
            Refused: A guard holds, or it is not away any more. What was taken stays taken.
        """
        until = asyncio.get_running_loop().time() + seconds
        while True:
            upkeep = self._planned.upkeeps[upkeep_id]
            facts = await self._permits.facts(upkeep.node)
            if self._planned.upkeeps[upkeep_id].phase is not Phase.AWAY:
                raise Refused("taking", f"{upkeep.node} is being given back: {upkeep}")
            refused = deciding(self._permits.judged(self._permits.to_boot(upkeep), facts))
            if refused is None:
                return
            settles = refused.passing or refused.guard in SETTLES
            if not settles or asyncio.get_running_loop().time() >= until:
                raise Refused(refused.reason or "", said(refused))
            await asyncio.sleep(PAUSE)

    async def settled(self, upkeep: str, phases: frozenset[Phase], seconds: float) -> Upkeep:
        """Wait until an upkeep is in one of these phases, and return it as it is then, or when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while self._planned.upkeeps[upkeep].phase not in phases:
                    await self._runner.changed()
        except TimeoutError:
            pass
        return self._planned.upkeeps[upkeep]

    def of(self, node: str) -> Upkeep | None:
        """Return the upkeep that keeps a node away; None where none does."""
        return next((one for one in self._planned.kept_away if one.node == node), None)

    async def asked(
        self, node: str, kind: Kind, gatherer: Gatherer | None = None
    ) -> tuple[tuple[Verdict, ...], tuple[Do, ...]]:
        """Say what every guard would say now, and what would be done. Nothing is written, nothing is done.

        Args:
            node: The node.
            kind: Who would ask.
            gatherer: Who asks what stands outside, where many nodes are asked about at once.
        """
        facts = await self._permits.facts(node, gatherer)
        upkeep = self._planned.next_upkeep
        would = Upkeep(upkeep, kind, node, "", "", "", facts.steady, facts.steady, facts.steady)
        would = replace(would, began_at=self._clock.wall())
        wish = self._permits.to_take(node, kind, would.owner, facts)
        verdicts = self._permits.judged(wish, facts)
        return verdicts, taking(would, self._gatherer.topology, moves(node, facts))

    @property
    def _planned(self) -> Planned:
        return self._journal.board.planned
