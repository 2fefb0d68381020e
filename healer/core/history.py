"""What of the journal may go: a fold over its records that knows what still decides.

Rule: the board that is replayed after pruning decides as the one before did. What is about an incident goes as a
whole, and never while it is open, at hand, counted by the success record, or adopted or settled since the last arming.
Of what is about none, only that goes which something newer has replaced. Hints change nothing and are not told here.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import get_args

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core import roll_events as re
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.incident import FOR_A_PERSON
from healer.core.told import KEEP_PAST_SECONDS, lapsed

DAY = 86400.0

SAID = (ev.Frozen, ev.Unfrozen, ev.NodeHeld, ev.NodeReleased)
"""What people said about no incident. It is kept as long as failures are."""

HINT_SECONDS = 30 * DAY
"""How long hints are kept: what they may use within that time is bounded (healer.web.webhook)."""

BATCH = 5000
"""Records that go at once, so that nobody waits long for the journal. One incident with more still goes as a whole."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long history is kept after it is over.

    Attributes:
        healed: Seconds, for what was healed or was over by itself.
        failed: Seconds, where something failed or a person was called, and for what people said.
        size: Bytes beyond which the oldest goes before its time, successes first.
    """

    healed: float = 30 * DAY
    failed: float = 365 * DAY
    size: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Going:
    """What may go now.

    Attributes:
        seqs: Of the records, rising. Empty where only hints may go.
        incidents: Those that go as a whole.
        succeeded: How many of them ended well.
        failed: How many did not.
        opened: Incidents opened so far.
        episodes: Closed episodes of these incidents that must stay remembered: fingerprint, start, and when closed.
        hints_before: Hints from before this time may go as well, epoch seconds.
    """

    seqs: tuple[int, ...]
    incidents: tuple[str, ...]
    succeeded: int
    failed: int
    opened: int
    episodes: tuple[tuple[str, float, float], ...]
    hints_before: float


@dataclass(slots=True)
class _Life:
    """An incident's records.

    Attributes:
        closed_at: Epoch seconds; None while it is open.
        failed: Whether something failed in it, or a person was called.
        acted_at: When its last action began, in steady time; None for none.
        ruled: Seq of the last word of a person on whose its alerts are, by adoption or settling; 0 for none.
        settled, adopted: Fingerprints that became a person's by such a word, and that were handed over by one.
    """

    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    closed_at: float | None = None
    failed: bool = False
    acted_at: float | None = None
    ruled: int = 0
    settled: frozenset[str] = frozenset()
    adopted: frozenset[str] = frozenset()
    episodes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Loose:
    """A record that is about no incident; without its event where that is a refused alert."""

    seq: int
    at: float
    event: ev.Event | None


@dataclass(frozen=True, slots=True)
class _Able:
    """What may go together."""

    at: float
    failed: bool
    seqs: tuple[int, ...]
    incident: str = ""


class History:
    """What the journal holds besides hints, ordered by what may go together."""

    def __init__(self) -> None:
        self._lives: dict[str, _Life] = {}
        self._loose: dict[int, _Loose] = {}

    @property
    def records(self) -> int:
        """How many records are held."""
        return len(self._loose) + sum(len(one.seqs) for one in self._lives.values())

    def apply(self, record: ev.Record, board: Board) -> None:
        """Take one record in, right after the board has."""
        event = record.event
        if isinstance(event, ev.AlertsReceived):
            return
        if isinstance(event, ie.IncidentOpened):
            self._lives[event.incident] = _Life(array("q", [record.seq]))
        elif isinstance(event, ie.IncidentEvent):
            self._add(self._lives[event.incident], record, event, board)
        else:
            # The text of a refused alert is long, and only its age matters.
            told = None if isinstance(event, ev.AlertRefused) else event
            self._loose[record.seq] = _Loose(record.seq, record.at_wall, told)

    def forget(self, going: Going) -> None:
        """Let go of what was pruned."""
        for incident in going.incidents:
            self._lives.pop(incident, None)
        for seq in going.seqs:
            self._loose.pop(seq, None)

    def due(self, board: Board, now: float, keep: Keep, surplus: int = 0) -> Going:
        """Return what may go now, the oldest first, about BATCH records at once; see `Keep` for the order.

        Args:
            board: As it is now, told the same records.
            now: Epoch seconds.
            keep: For how long. All zero for whatever decides nothing any more.
            surplus: So many records should go whatever their age; they may not all be able to.
        """
        chosen: list[_Able] = []
        count = 0
        for one in sorted(self._able(board, now), key=lambda one: (one.failed, one.at)):
            old = now - one.at >= (keep.failed if one.failed else keep.healed)
            if count >= BATCH or not (old or count < surplus):
                continue
            chosen.append(one)
            count += len(one.seqs)
        if all(isinstance(self._event(one), ev.Pruned) for one in chosen):
            chosen = []  # a note in place of a note frees nothing
        lives = [self._lives[one.incident] for one in chosen if one.incident]
        closed = board.closed_episodes
        return Going(
            seqs=tuple(sorted(seq for one in chosen for seq in one.seqs)),
            incidents=tuple(one.incident for one in chosen if one.incident),
            succeeded=sum(not one.failed for one in lives),
            failed=sum(one.failed for one in lives),
            opened=board.opened,
            episodes=tuple(
                (*episode, closed[episode])
                for episode in sorted({one for life in lives for one in life.episodes})
                if episode in closed
            ),
            hints_before=now - HINT_SECONDS,
        )

    def _add(self, life: _Life, record: ev.Record, event: ie.IncidentEvent, board: Board) -> None:
        life.seqs.append(record.seq)
        match event:
            case ie.ActionIntended():
                life.acted_at = record.at_wall - board.steady.ahead
            case ie.ActionEnded(outcome=outcome):
                life.failed |= outcome is not Outcome.DONE
            case ie.VerificationEnded(verified=verified):
                life.failed |= not verified
            case ie.IncidentEscalated(reason=reason):
                life.failed |= reason != FOR_A_PERSON
            case ie.ApprovalDenied():
                life.failed = True
            case ie.IncidentAdopted(incident):
                life.ruled = record.seq
                life.adopted |= _fingerprints(board, incident)
            case ie.IncidentSettled(incident):
                life.ruled, life.failed = record.seq, True
                life.settled |= _fingerprints(board, incident)
            case ie.IncidentClosed(incident):
                life.closed_at = record.at_wall
                life.episodes = tuple(one.episode for one in board.incidents[incident].alerts)
            case _:
                pass

    def _able(self, board: Board, now: float) -> Iterator[_Able]:
        """Yield everything that decides nothing any more."""
        armed = max((one.seq for one in self._of(ev.Armed)), default=0)
        settled = self._settled()
        for incident, life in self._lives.items():
            acted, ago = life.acted_at, now - board.steady.ahead - KEEP_PAST_SECONDS
            counted = acted is not None and acted >= ago
            if life.closed_at is None or incident in board.incidents or counted:
                continue
            # Either word counts until the next arming; that something is a person's, beyond it, until that was ended.
            theirs = any(one in board.by_hand for one in life.settled)
            ends = any(settled.get(one, life.ruled) < life.ruled for one in life.adopted)
            if life.ruled <= armed and not theirs and not ends:
                yield _Able(life.closed_at, life.failed, tuple(life.seqs), incident)
        loose = (
            *self._replaced(armed, board, now),
            *self._let_go(),
            *self._lapsed(board, now),
            *self._carried(board),
        )
        yield from self._kept_up(board)
        for one in {one.seq: one for one in loose}.values():
            yield _Able(one.at, isinstance(one.event, SAID), (one.seq,))

    def _event(self, able: _Able) -> ev.Event | None:
        return None if able.incident else self._loose[able.seqs[0]].event

    def _of(self, *kinds: type[ev.Event]) -> list[_Loose]:
        return [one for one in self._loose.values() if isinstance(one.event, kinds)]

    def _replaced(self, armed: int, board: Board, now: float) -> Iterator[_Loose]:
        """Yield what something newer has made void, whatever else goes or stays."""
        # With another digest than the one before, yes-es of open incidents lapse; with other modes, the arming does.
        told = [self._lives[one].seqs[0] for one in board.incidents]
        since = min([*told, *([armed] if armed else [])], default=board.seq + 1)
        settings = self._of(ev.HealerStarted, ev.ConfigReloaded)
        before = [one.seq for one in settings if one.seq < since]
        yield from (one for one in settings if before and one.seq < before[-1])
        yield from (one for one in self._of(ev.Armed) if one.seq < armed)
        yield from self._of(ev.StormBegan, ev.StormEnded)[:-1]
        yield from self._of(ev.SecondPathTested)[:-1]
        # What was before them is counted right after the next boot too, for as long as anything counts.
        yield from (one for one in self._of(ev.ClockSet) if one.at < now - KEEP_PAST_SECONDS)
        thawed = max((one.seq for one in self._of(ev.Unfrozen)), default=0)
        yield from (one for one in self._of(ev.Frozen, ev.Unfrozen) if one.seq < thawed)
        yield from self._cleared(armed, board)

    def _cleared(self, armed: int, board: Board) -> Iterator[_Loose]:
        """Yield what was settled and seen clear before the last arming, once nothing is left that the latter ended."""
        settled = self._settled()
        for one in self._of(ev.AlertSettled, ev.SeenClear):
            match one.event if one.seq < armed else None:
                case ev.AlertSettled(alert) if alert.fingerprint not in board.by_hand:
                    yield one
                case ev.SeenClear(fingerprint) if settled.get(fingerprint, armed) > one.seq:
                    yield one

    def _settled(self) -> dict[str, int]:
        """Return when each fingerprint first became a person's, of what is still held: seq by fingerprint."""
        first: dict[str, int] = {}
        for life in self._lives.values():
            for fingerprint in life.settled:
                first[fingerprint] = min(life.ruled, first.get(fingerprint, life.ruled))
        for one in self._of(ev.AlertSettled):
            match one.event:
                case ev.AlertSettled(alert):
                    first[alert.fingerprint] = min(one.seq, first.get(alert.fingerprint, one.seq))
        return first

    def _let_go(self) -> Iterator[_Loose]:
        """Yield holds that were released or set anew, and releases once no hold is left that they ended."""
        released: dict[str, int] = {}
        newest: dict[tuple[str, str], int] = {}
        oldest: dict[str, int] = {}
        for one in self._of(ev.NodeHeld, ev.NodeReleased):
            match one.event:
                case ev.NodeReleased(node):
                    released[node] = one.seq
                case ev.NodeHeld(node, by=by):
                    newest[node, by] = one.seq
                    oldest.setdefault(node, one.seq)
        for one in self._of(ev.NodeHeld, ev.NodeReleased):
            match one.event:
                case ev.NodeHeld(node, by=by):
                    if one.seq < max(released.get(node, 0), newest[node, by]):
                        yield one
                case ev.NodeReleased(node):
                    if one.seq < released[node] or one.seq < oldest.get(node, one.seq + 1):
                        yield one

    def _lapsed(self, board: Board, now: float) -> Iterator[_Loose]:
        """Yield what time has made void, a day ago at least, so that a clock set back does not bring it to life."""
        then = now - board.steady.ahead - DAY
        standing = [key for key, one in board.holds.items() if not lapsed(one, then)]
        for one in self._loose.values():
            match one.event:
                case None if one.at < now - DAY:
                    yield one
                case ev.NodeHeld(node, by=by, until=float(until)):
                    if until < now - DAY and (node, by) not in standing:
                        yield one

    def _kept_up(self, board: Board) -> Iterator[_Able]:
        """Yield each upkeep and roll that is not at hand any more, as a whole; kept as long as failures are."""
        found: dict[str, list[_Loose]] = {}
        for one in self._of(ue.UpkeepBegan, *get_args(ue.UpkeepEvent)):
            found.setdefault(getattr(one.event, "upkeep", ""), []).append(one)
        for upkeep, records in found.items():
            if upkeep not in board.planned.upkeeps:
                yield _Able(records[-1].at, failed=True, seqs=tuple(one.seq for one in records))
        rolls: dict[str, list[_Loose]] = {}
        for one in self._of(*get_args(re.RollEvent)):
            rolls.setdefault(getattr(one.event, "roll", ""), []).append(one)
        for roll, records in rolls.items():
            if roll not in board.planned.rolls:
                yield _Able(records[-1].at, failed=True, seqs=tuple(one.seq for one in records))

    def _carried(self, board: Board) -> Iterator[_Loose]:
        """Yield notes of earlier pruning of which nothing has to be remembered any more."""
        for one in self._of(ev.Pruned)[:-1]:
            match one.event:
                case ev.Pruned(episodes=episodes):
                    if not any(episode[:2] in board.closed_episodes for episode in episodes):
                        yield one


def _fingerprints(board: Board, incident: str) -> frozenset[str]:
    return frozenset(one.fingerprint for one in board.incidents[incident].alerts)


def as_told(records: Iterable[ev.Record]) -> tuple[Board, History]:
    """Return the board and the history that records tell."""
    board, history = Board(), History()
    for record in records:
        board.apply(record)
        history.apply(record, board)
    return board, history
