"""Tells what a line is: one look for words that few lines have, and an expression only where they all are there.

Of a line that differs from an earlier one in numbers alone, as most do, the entries to be asked are remembered; of any
other its words are taken apart by calls that run in C. So what a line costs does not grow with the catalogue.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from exporter.failures.entries import Entry, packaged
from exporter.failures.kinds import BENIGN, Failure, Witness
from exporter.failures.lines import KERNEL, LONGEST, Line, line_of, of_journal
from exporter.failures.words import shape_of, shaped, words_of

OWN_UNITS = "hale-"
"""What the names of our units begin with."""

_Search = Callable[[str], re.Match[str] | None]


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
"""Lines whose verdicts are remembered, as many shapes of lines, and characters of the longest: what floods a journal
says the same again."""


class _Candidate:
    """An entry, as far as a line has to be held against it.

    Attributes:
        place: Among those that are asked; no two have the same.
        words: That the shape of a line must have.
        writers: Who may say so, empty for whoever.
        search: Finds it in what was said; None where that is something else.
    """

    __slots__ = ("_entry", "_named", "_pattern", "place", "search", "words", "writers")

    def __init__(self, place: int, entry: Entry) -> None:
        self.place = place
        self.words = shaped(entry.words)
        self.writers = entry.writers
        self.search: _Search = self._first_search
        self._entry = entry
        self._named = False

    def verdict(self, line: Line, found: re.Match[str]) -> Verdict:
        """Say what a line is that this was found in."""
        entry = self._entry
        named = (self._named and found["device"]) or ""
        # The unit that systemd names itself is better than what its sentence says.
        device = named or line.about if line.writer == KERNEL else line.about or named
        return Verdict(
            entry.type,
            "" if entry.type is None else entry.cause,
            device,
            entry.name,
            entry.clears,
            entry.everywhere,
            entry.part,
            entry.minor,
            line.witness,
        )

    def _first_search(self, text: str) -> re.Match[str] | None:
        """Compile when a line first has the words: no node ever sees a line of each."""
        pattern = self._pattern = re.compile(self._entry.pattern)
        self._named = "device" in pattern.groupindex
        asked = self._entry.one_of | self._entry.words
        self.search = pattern.search if asked == shaped(asked) else self._search_numbered
        return self.search(text)

    def _search_numbered(self, text: str) -> re.Match[str] | None:
        """Search where the words are there with the digits that a shape has not."""
        words, one_of = words_of(text), self._entry.one_of
        if self._entry.words <= words and not (one_of and one_of.isdisjoint(words)):
            return self._pattern.search(text)
        return None


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
        self._numbers = tuple(word.decode() for word in self._rare if word.isdigit())
        self._remembered = lru_cache(REMEMBERED)(self._classify)
        self._remembered_line = lru_cache(REMEMBERED)(self._judge)
        self._remembered_able = lru_cache(REMEMBERED)(self._able_of)

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

    def _able(self, text: str) -> tuple[_Candidate, ...]:
        """Return the entries that a text may be told by, in the order in which they are asked."""
        shape = shape_of(text, self._numbers)
        if len(shape) > REMEMBERED_LENGTH:
            return self._able_of(shape)
        return self._remembered_able(shape)

    def _able_of(self, shape: bytes) -> tuple[_Candidate, ...]:
        """Return those whose words a shape has; where these have digits the search looks for them."""
        words = frozenset(shape.split())
        by_word = self._by_word
        able = [one for word in words & self._rare for one in by_word[word] if one.words <= words]
        if len(able) > 1:
            able.sort(key=_PLACE)
        return tuple(able)

    def _judged(self, line: Line, able: Iterable[_Candidate]) -> Verdict:
        text, writer = line.text, line.writer
        for one in able:
            if one.writers and writer is not None and writer not in one.writers:
                continue
            if (found := one.search(text)) is not None:
                return one.verdict(line, found)
        return NOTHING

    def _indexed(self) -> dict[bytes, list[_Candidate]]:
        """Index each entry by the rarest of its words, or by each of which it needs one only."""
        # What many expressions have, many lines have too.
        often = Counter(shape_of(" ".join(one.pattern for one in self._entries)).split())
        index: defaultdict[bytes, list[_Candidate]] = defaultdict(list)
        benign_first = sorted(self._entries, key=lambda one: one.type is not None)
        for place, entry in enumerate(benign_first):
            candidate = _Candidate(place, entry)
            rarest = sorted(candidate.words, key=lambda word: (often[word], -len(word), word))
            # A number is looked for where an entry has nothing else.
            for word in shaped(entry.one_of) or rarest[:1] or entry.words:
                index[word].append(candidate)
        return dict(index)
