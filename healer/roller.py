"""Rolls a group: takes one node after the other, waits for what each needs, and stops where anything fails.

What comes next is decided in healer.core.roll; each node is an upkeep, and that is the Upkeeper's.
"""

import asyncio
from dataclasses import replace
from datetime import datetime

import structlog

from healer.core import roll_events as re
from healer.core.incident import EXPLAINED
from healer.core.ladder import Mode
from healer.core.planned import Planned
from healer.core.roll import Begin, Roll, RollState, Turn, Wait, next_turn, nodes_of
from healer.core.roll_events import RollMove
from healer.core.states import IllegalMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.core.upkeep_guards import firing, mode_of
from healer.core.upkeep_steps import TAKING_SECONDS
from healer.errors import Refused, StoreFull
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock
from healer.standing import Watch
from healer.upkeep_runner import PROOF_SECONDS
from healer.upkeeper import Upkeeper

log = structlog.get_logger()

PAUSE = 1.0
"""Seconds between two looks at a roll."""


class Roller:
    """The one place from which groups are rolled."""

    def __init__(
        self,
        journal: Journal,
        gatherer: Gatherer,
        upkeeper: Upkeeper,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._upkeeper = upkeeper
        self._watch = watch
        self._clock = clock

    # --- What people ask for ----------------------------------------------------------------

    async def begin(
        self,
        group: str,
        by: str,
        *,
        canary: str = "",
        at_once: str = "1",
        soak: float = 300.0,
        windows: tuple[str, ...] = (),
    ) -> Roll:
        """Begin to patch a group; its nodes follow by themselves.

        Args:
            group: Of cluster.yml, and not the control plane.
            by: Who asks.
            canary: The node that goes first; empty for the first in cluster.yml.
            at_once: So many nodes may be away at the same time after it, as `2` or `25%`.
            soak: Seconds that all has to stay well after a node is back.
            windows: In which a node may be begun.

        Raises:
            Refused: There is nothing to roll, or a roll already; nothing was changed.
        """
        nodes = self.order(group, canary)
        unknown = [one for one in windows if one not in self._topology.windows]
        if unknown:
            known = ", ".join(self._topology.windows) or "none"
            raise Refused(
                "unknown_window", f"no window {unknown[0]} in cluster.yml; there are {known}"
            )
        if mode_of((self._topology.groups[group],), self._topology) is Mode.EXPLAIN:
            detail = (
                f"in mode explain Hale rolls nothing; what it would do: hale-healer plan {group}"
            )
            raise Refused(EXPLAINED, detail)
        roll = self._planned.next_roll
        event = re.RollBegan(roll, group, nodes, _count(at_once, len(nodes)), soak, windows, by)
        try:
            await self._journal.write(event)
        except IllegalMove as error:
            other = self._planned.rolling[0]
            raise Refused(
                "rolling",
                f"roll {other.id} of {other.group} is {other.state.value}, and one goes on at a time. Look with "
                f"`hale-healer status`; end it with `hale-healer roll {other.group} --do end`",
            ) from error
        return self._planned.rolls[roll]

    async def move(self, group: str, move: RollMove, by: str) -> Roll:
        """Stop a roll, go on with one that has stopped, or end it.

        Raises:
            Refused: There is none, or it cannot do that now; nothing was changed.
        """
        found = next((one for one in self._planned.rolling if one.group == group), None)
        if found is None:
            raise Refused("no_roll", f"no roll of {group} is under way")
        away = self._planned.kept_away
        stopped = [one.node for one in away if one.roll == found.id and one.phase is Phase.STOPPED]
        backs = [one.node for one in away if one.roll == found.id and one.phase is Phase.RETURNING]
        if move is RollMove.GO_ON and stopped:
            ends = f"hale-healer maintenance end {stopped[0]}"
            raise Refused(
                "nodes_stopped", f"{', '.join(stopped)} failed and is away: look, then {ends}"
            )
        if move is RollMove.GO_ON and backs:
            # What was given up on it would stop the roll again as soon as it is back.
            raise Refused(
                "nodes_stopped",
                f"{', '.join(backs)} is being given back: look with `hale-healer status`, and resume once it is back",
            )
        try:
            await self._journal.write(re.RollMoved(found.id, move, "by_hand", f"by {by}"))
        except IllegalMove as error:
            raise Refused("not_so", _cannot(found, group)) from error
        return self._planned.rolls[found.id]

    def order(self, group: str, canary: str = "") -> tuple[str, ...]:
        """Return the nodes of a group as they would be rolled.

        Raises:
            Refused: There is nothing to roll.
        """
        known = self._topology.groups.get(group)
        if known is None:
            names = ", ".join(self._topology.groups)
            raise Refused("unknown_group", f"cluster.yml has no group {group}; there are {names}")
        if known.control:
            detail = (
                f"{group} is the control plane, whose nodes reboot by themselves: healer.fleet_lock"
            )
            raise Refused("control_plane", detail)
        if self._topology.patch_seconds is None:
            raise Refused(
                "no_patching",
                f"cluster.yml does not say how the nodes of {group} are patched. Write there `patching: {{command: "
                "[/usr/local/sbin/patch-node], limit: 30m, reboot_limit: 5m}`, with your own command, then bring what "
                "`hale-cluster render` writes to the nodes, and `hale-healer reload`",
            )
        if canary and canary not in known.nodes:
            raise Refused("unknown_node", f"{canary} is not in {group}: {', '.join(known.nodes)}")
        first = canary or known.nodes[0]
        return (first, *(node for node in known.nodes if node != first))

    # --- The loop ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Take every roll further until cancelled.

        Raises:
            LeaseLost: Another healer leads.
        """
        while True:
            for roll in self._planned.rolling:
                if roll.state is RollState.ROLLING and self._watch.leading:
                    try:
                        await self._step(roll)
                    except (StoreFull, IllegalMove) as error:
                        log.warning("roll.waits", roll=roll.id, error=str(error))
            await asyncio.sleep(PAUSE)

    async def _step(self, roll: Roll) -> None:
        now = now_of(self._clock, self._journal.board).steady
        turn = next_turn(
            *(roll, self._planned.upkeeps.values(), now),
            known=nodes_of(roll, self._topology),
            hours=self._in_hours(roll),
            alarms=self._alarms(roll),
        )
        match turn:
            case Begin(node):
                self._watch.roll_waits.pop(roll.id, None)
                await self._begin(roll, node)
            case Turn(move, why, detail):
                self._watch.roll_waits.pop(roll.id, None)
                await self._journal.write(re.RollMoved(roll.id, move, why, detail), closing=True)
            case Wait(why):
                self._watch.roll_waits[roll.id] = why

    async def _begin(self, roll: Roll, node: str) -> None:
        seconds = (self._topology.patch_seconds or 0.0) + self._topology.reboot_seconds
        within = seconds + TAKING_SECONDS + PROOF_SECONDS
        reason = f"roll {roll.id} of {roll.group}"
        try:
            await self._upkeeper.begin(node, Kind.ROLL, reason, roll.by, within, roll.id)
        except Refused as error:
            said = f"{node}: {error.reason}: {error.detail}"
            if self._watch.roll_waits.get(roll.id) != said:
                log.warning("roll.held", roll=roll.id, node=node, reason=error.reason)
            self._watch.roll_waits[roll.id] = said

    def _in_hours(self, roll: Roll) -> bool:
        local = datetime.fromtimestamp(self._clock.wall(), self._topology.time_zone)
        known = (self._topology.windows.get(name) for name in roll.windows)
        return not roll.windows or any(one.holds(local) for one in known if one is not None)

    def _alarms(self, roll: Roll) -> list[str]:
        sight = self._watch.sight
        if sight is None:
            return []  # the guards wait for an answer; a roll is not stopped by a silence
        planned = self._planned.upkeeps.values()
        ours = [one for one in planned if one.roll == roll.id and not one.open]
        # What began while a node was away may only not be over yet; `quiet` waits for that.
        after = max((one.since for one in ours), default=0.0) + self._watch.now.ahead
        newer = tuple(one for one in sight.alerts if one.began_at > after)
        wide = tuple(one for one in sight.of_groups if one.began_at > after)
        heard = replace(sight, alerts=newer, of_groups=wide)
        # By the group as it is now: the canary may have left it. What harmed a node shows in all of its groups.
        back = {one.node for one in ours}.intersection(nodes_of(roll, self._topology))
        groups = [
            one
            for one in self._topology.groups.values()
            if one.name == roll.group or back.intersection(one.nodes)
        ]
        return firing(back, groups, heard)

    @property
    def _topology(self) -> Topology:
        return self._gatherer.topology

    @property
    def _planned(self) -> Planned:
        return self._journal.board.planned


def _cannot(roll: Roll, group: str) -> str:
    """Say how a roll stands that cannot do what is asked of it, and what it can."""
    can = {
        RollState.ROLLING: f"`hale-healer roll {group} --do stop`, or `--do end`",
        RollState.STOPPED: f"`hale-healer roll {group} --do resume`, or `--do end`",
        RollState.OVER: f"a new one: `hale-healer roll {group}`",
    }
    return f"roll {roll.id} of {group} is {roll.state.value}. What it can do now: {can[roll.state]}"


def _count(text: str, nodes: int) -> int:
    """Return how many nodes `2` or `25%` of a group are: one at least.

    Raises:
        Refused: It is neither.
    """
    number = text.removesuffix("%")
    if not (number.isdecimal() and number.isascii() and 0 < int(number) <= 1000):
        raise Refused(
            "malformed", f"at-once: {text[:40]!r} is no number like 2, nor a share like 25%"
        )
    share = int(number) * nodes // 100 if text.endswith("%") else int(number)
    return min(max(1, share), nodes)
