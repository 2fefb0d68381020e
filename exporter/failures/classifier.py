"""Tells what a line is: one look for words that few lines have, and an expression only where they all are there.

A line is taken apart into words by two calls that run in C, and most lines have no word that any entry asks for. So
what a line costs does not grow with the catalogue.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from exporter.failures.entries import Entry, packaged
from exporter.failures.kinds import BENIGN, Failure, Witness
from exporter.failures.lines import KERNEL, LONGEST, Line, line_of, of_journal

OWN_UNITS = "hale-"
"""What the names of our units begin with."""

_WORDY = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_")
_TABLE = (
    bytes(low if (low := ord(chr(byte).lower())) in _WORDY else 0x20 for byte in range(128))
    + b" " * 128
)
"""ASCII letters in lower case, digits and _ as they are, and a space for everything else."""


def words_of(text: str) -> frozenset[bytes]:
    """Return the words of a text in lower case: letters, digits and _."""
    return frozenset(text.encode(errors="replace").translate(_TABLE).split())


class Verdict(NamedTuple):
    """What a line is; a tuple, since one is made of each line.

    Attributes:
        type: None where it tells of no failure.
        device: What the line names, as the line writes it; empty for nothing.
        entry: The name of the entry that matched; empty for none.
        clears: The types that are over by it, for that device.
        everywhere: Whether they are for all devices.
        part: Whether the line is of a report that another line began.
        minor: Whether it takes nothing from the node.
        witness: Who told it.
    """

    type: Failure | None = None
    cause: str = ""
    device: str = ""
    entry: str = ""
    clears: tuple[Failure, ...] = ()
    everywhere: bool = False
    part: bool = False
    minor: bool = False
    witness: Witness = Witness.OTHER

    @property
    def kind(self) -> str:
        """The type's word, or `benign`."""
        return BENIGN if self.type is None else self.type.value


NOTHING = Verdict()

REMEMBERED, REMEMBERED_LENGTH = 1024, 512
"""Lines whose verdicts are remembered, and characters of the longest: what floods a journal says the same again."""


class _Candidate:
    """An entry, as far as a line has to be held against it.

    Attributes:
        place: Among those that are asked; no two have the same.
        words: That a line must have.
        writers: Who may say so, empty for whoever.
    """

    __slots__ = ("_entry", "_named", "_search", "place", "words", "writers")

    def __init__(self, place: int, entry: Entry) -> None:
        self.place = place
        self.words = entry.words
        self.writers = entry.writers
        self._entry = entry
        # Compiled when a line first has all the words: no node ever sees a line of each.
        self._search: Callable[[str], re.Match[str] | None] | None = None
        self._named = False

    def judge(self, line: Line) -> Verdict | None:
        """Say what a line is by this entry; None where it is something else."""
        if not self._entry.pattern:
            return _verdict(self._entry, line, "")
        found = (self._search or self._compile())(line.text)
        if found is None:
            return None
        return _verdict(self._entry, line, (self._named and found["device"]) or "")

    def _compile(self) -> Callable[[str], re.Match[str] | None]:
        pattern = re.compile(self._entry.pattern)
        self._named = "device" in pattern.groupindex
        self._search = pattern.search
        return pattern.search


_PLACE = attrgetter("place")


class Classifier:
    """Classifies lines by one catalogue. What only looks like a failure is asked first, then the types in order."""

    def __init__(self, entries: Iterable[Entry] | None = None) -> None:
        """Prepare for these entries, or for the packaged ones."""
        self._entries = tuple(packaged() if entries is None else entries)
        self._by_id: defaultdict[str, list[_Candidate]] = defaultdict(list)
        for one in self._entries:
            if one.message_id:
                self._by_id[one.message_id].append(_Candidate(0, one))
        self._by_word: Mapping[bytes, list[_Candidate]] = self._indexed()
        self._rare = frozenset(self._by_word)
        self._remembered = lru_cache(REMEMBERED)(self._classify)
        self._remembered_line = lru_cache(REMEMBERED)(self._judge)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The catalogue."""
        return self._entries

    def classify(self, written: str) -> Verdict:
        """Say what a line is, in whatever form it is written."""
        if len(written) > REMEMBERED_LENGTH:
            return self._classify(written)
        return self._remembered(written)

    def _classify(self, written: str) -> Verdict:
        if written.startswith("{"):  # the journal's JSON may write a message as numbers
            return self.judge(line_of(written))
        able = self._able(written[:LONGEST])
        return self._judged(line_of(written), able) if able else NOTHING

    def classify_entry(self, fields: dict[str, Any]) -> Verdict:
        """Say what an entry of the journal is."""
        return self.judge(of_journal(fields))

    def judge(self, line: Line) -> Verdict:
        """Say what a line is that was taken apart; what Hale itself logs speaks of others' failures."""
        if len(line.text) > REMEMBERED_LENGTH:
            return self._judge(line)
        return self._remembered_line(line)

    def _judge(self, line: Line) -> Verdict:
        if line.unit.startswith(OWN_UNITS):
            return NOTHING
        if line.message_id and (known := self._by_id.get(line.message_id)):
            verdict = self._judged(line, known)
            if verdict.entry:
                return verdict
        return self._judged(line, self._able(line.text))

    def _able(self, text: str) -> list[_Candidate]:
        """Return the entries all of whose words a text has, in the order in which they are asked."""
        words = words_of(text)
        by_word = self._by_word
        able = [one for word in words & self._rare for one in by_word[word] if one.words <= words]
        if len(able) > 1:
            able.sort(key=_PLACE)
        return able

    def _judged(self, line: Line, able: Iterable[_Candidate]) -> Verdict:
        writer = line.writer
        for one in able:
            if one.writers and writer is not None and writer not in one.writers:
                continue
            if (verdict := one.judge(line)) is not None:
                return verdict
        return NOTHING

    def _indexed(self) -> dict[bytes, list[_Candidate]]:
        """Index each entry by that of its words that the fewest entries have, or by each of which it needs one only."""
        used: defaultdict[bytes, int] = defaultdict(int)
        for entry in self._entries:
            for word in entry.words:
                used[word] += 1
        index: defaultdict[bytes, list[_Candidate]] = defaultdict(list)
        benign_first = sorted(self._entries, key=lambda one: one.type is not None)
        for place, entry in enumerate(benign_first):
            candidate = _Candidate(place, entry)
            rarest = sorted(entry.words, key=lambda word: (used[word], -len(word), word))
            for word in entry.one_of or rarest[:1]:
                index[word].append(candidate)
        return dict(index)


def _verdict(entry: Entry, line: Line, named: str) -> Verdict:
    """Return the verdict; the unit that systemd names itself is better than what its sentence says."""
    device = named or line.about if line.writer == KERNEL else line.about or named
    cause = "" if entry.type is None else entry.cause
    return Verdict(
        entry.type,
        cause,
        device,
        entry.name,
        entry.clears,
        entry.everywhere,
        entry.part,
        entry.minor,
        line.witness,
    )
