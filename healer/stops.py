"""How people stop Hale and let it go on: everywhere, or on one node. Every word is journalled with who said it."""

from contextlib import suppress

from healer import likeness
from healer.core import events as ev
from healer.core.states import IllegalMove
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock


class Stops:
    """Freezes and holds, checked against what the journal knows."""

    def __init__(self, journal: Journal, gatherer: Gatherer, clock: Clock) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._clock = clock

    async def freeze(self, reason: str, by: str, *, owner: bool = False) -> None:
        """Stop every action until `unfreeze`; what an owner stopped so, only an owner lets go on."""
        await self._journal.write(ev.Frozen(reason, by, owner))

    async def unfreeze(self, by: str, seen: str = "", *, owner: bool = False) -> None:
        """Let actions go on. What fires at this moment is pre-existing.

        Args:
            by: Who says so.
            seen: What they saw of the freezes; empty where nobody asked.
            owner: Whether they may lift what an owner froze.

        Raises:
            Refused: Nobody froze it, or an owner did, or others did so than were seen; nothing was changed.
        """
        freezes = self._freezes()
        if not freezes:
            raise Refused("not_frozen", "no person froze this healer")
        owners = [one for one in freezes if one.owner]
        if owners and not owner:
            who = ", ".join(f"{one.reason} (by {one.by})" for one in owners)
            raise Refused(
                "not_owner", f"an owner froze it: {who}. Only an owner or root lets it go on"
            )
        told = likeness.of_freezes(freezes)
        if seen in ("", told):
            # Whoever freezes in this very moment must not have it lifted by one who has not seen it.
            with suppress(IllegalMove):
                await self._journal.write(
                    ev.Unfrozen(by), provided=lambda _: likeness.of_freezes(self._freezes()) == told
                )
                return
        now = ", ".join(f"{one.reason} (by {one.by})" for one in self._freezes()) or "by nobody"
        raise Refused("changed_since", f"it is frozen otherwise than you saw: {now}")

    async def hold(self, node: str, reason: str, by: str, seconds: float | None) -> ev.NodeHeld:
        """Keep Hale from touching a node; a person's newer hold takes the place of their older one.

        Args:
            node: As cluster.yml names it.
            reason: For those who find it held.
            by: Who holds it.
            seconds: Until it lapses, whatever the wall clock is set to meanwhile; None for until it is released.

        Raises:
            Refused: There is no such node; nothing was changed.
        """
        known = self._gatherer.topology.nodes
        if node not in known:
            detail = f"cluster.yml has no node {node}; there are {', '.join(known)}"
            raise Refused("unknown_node", detail)
        until = None if seconds is None else self._clock.wall() + seconds
        held = ev.NodeHeld(node, reason, by, until)
        await self._journal.write(held)
        return held

    async def release(self, node: str, by: str, seen: str = "") -> list[ev.NodeHeld]:
        """Let Hale touch a node again, and return the holds that ended with it, whoever set them.

        Raises:
            Refused: Nobody holds it, or others do than were seen; nothing was changed.
        """
        held = self._holds(node)
        if not held:
            raise Refused("not_held", f"no person holds {node} here; its own gate may be held")
        told = likeness.of_holds(node, held)
        if seen in ("", told):
            # As with `unfreeze`: a hold that is set in this very moment stays.
            with suppress(IllegalMove):
                await self._journal.write(
                    ev.NodeReleased(node, by),
                    provided=lambda _: likeness.of_holds(node, self._holds(node)) == told,
                )
                return held
        now = ", ".join(f"{one.reason} (by {one.by})" for one in self._holds(node)) or "by nobody"
        raise Refused("changed_since", f"{node} is held otherwise than you saw: {now}")

    def _freezes(self) -> list[ev.Frozen]:
        return list(self._journal.board.freezes.values())

    def _holds(self, node: str) -> list[ev.NodeHeld]:
        board = self._journal.board
        return [one for one in board.held(now_of(self._clock, board)) if one.node == node]
