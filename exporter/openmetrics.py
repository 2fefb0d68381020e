"""Turns an exposition in the text format 0.0.4 into OpenMetrics 1.0.0, which Prometheus asks for first.

Samples are the same bytes in both; what differs stands in the lines above them, which are the same at each
scrape and so are turned once.
Format: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

END = b"# EOF\n"
TOTAL = b"_total"
UNTYPED, UNKNOWN, COUNTER = b"untyped", b"unknown", b"counter"
BOUNDED = (b" histogram", b" summary")
# A bound of theirs that is a whole number; OpenMetrics has it as 1.0.
WHOLE_BOUND = re.compile(rb'\b(le|quantile)="(-?[0-9]+)"')

# Before every line but the first that is no sample: in 0.0.4 no line feed stands within a value.
ABOVE = b"\n# "
HELPED, TYPED = re.compile(rb"(# )?HELP [^\n]+"), re.compile(rb"TYPE [^\n]+\n")

# More families than any node has; the names of a hostile textfile must not fill the memory.
MOST_KEPT = 10_000


class _Exchanges(NamedTuple):
    """The lines above the samples of a part, in their order, and what becomes of those that OpenMetrics has otherwise.

    Attributes:
        helped: Each HELP line, without what is before it.
        typed: Each TYPE line, which follows it, with the line feed behind it.
        anew: What those are that differ, with their places among the families.
    """

    helped: list[bytes]
    typed: list[bytes]
    anew: tuple[tuple[int, bytes, bytes], ...]

    def apply(self, part: bytes) -> bytes | None:
        """Return a part with these exchanged; None where its families are not those of before."""
        pieces = part.split(ABOVE)
        helped, families = pieces[::2], pieces[1::2]
        if helped != self.helped or len(families) != len(self.typed):
            return None
        if not all(map(bytes.startswith, families, self.typed)):
            return None
        if not self.anew:
            return part
        for at, told, typed in self.anew:
            pieces[2 * at] = told
            pieces[2 * at + 1] = typed + families[at][len(self.typed[at]) :]
        return ABOVE.join(pieces)


NEVER = _Exchanges([], [], ())
"""Fits no part, since even an empty one is one piece."""


class _Part(NamedTuple):
    """One part of the last exposition: as it was, as it was turned, and how."""

    part: bytes
    turned: bytes
    exchanges: _Exchanges


NOTHING = _Part(b"", b"", NEVER)


class OpenMetrics:
    """Writes expositions anew, and remembers the lines that it has turned before."""

    def __init__(self) -> None:
        self._turned: dict[bytes, bytes] = {}
        self._parts: list[_Part] = []  # of the last exposition

    def __call__(self, body: bytes) -> bytes:
        r"""Return the same samples in OpenMetrics.

        As expfmt of prometheus/common does it: a counter's family is named without `_total`, and one whose samples
        lack `_total` is of type unknown. In 0.0.4 no line feed stands within a value, so "\n# " only begins a
        HELP or TYPE line.

        Args:
            body: In the text format 0.0.4, as our collectors write it: HELP, then TYPE, then all samples of the
                family; no other comments, empty lines or timestamps.
        """
        return self._samples(body) + END

    def of(self, parts: Sequence[bytes]) -> list[bytes]:
        """Return the same samples in OpenMetrics, of an exposition in parts that have whole families, and its end.

        A part that is what it was at the last scrape is not turned again. Of the others the lines above the samples are
        as they were, and only those that differ are exchanged.

        Args:
            parts: As `Scraper.parts` has them, the guests last; nobody knows what those write.
        """
        before, self._parts = self._parts, []
        for at, part in enumerate(parts):
            known = before[at] if at < len(before) else NOTHING
            if known.part != part:
                turned = known.exchanges.apply(part) if part is not parts[-1] else None
                exchanges = known.exchanges
                if turned is None:
                    turned, exchanges = self._samples(part), _exchanges(part)
                known = _Part(part, turned, exchanges)
            self._parts.append(known)
        return [*(one.turned for one in self._parts), END]

    def _samples(self, body: bytes) -> bytes:
        if len(self._turned) > MOST_KEPT:
            self._turned.clear()
        first, *parts = (b"\n" + body.removesuffix(b"\n")).split(b"\n# ")
        written = [first[1:], b"\n"] if len(first) > 1 else []  # samples that no line is above
        helped = b""
        for part in parts:
            above, _, samples = part.partition(b"\n")
            if above.startswith(b"HELP ") and not samples:
                helped = above  # its name depends on the type, which follows
                continue
            written.append(self._lines(helped, above))
            if samples:
                bounded = above.endswith(BOUNDED)
                written += [WHOLE_BOUND.sub(rb'\1="\2.0"', samples) if bounded else samples, b"\n"]
            helped = b""
        return b"".join(written)

    def _lines(self, helped: bytes, typed: bytes) -> bytes:
        key = helped + b"\n" + typed
        if (known := self._turned.get(key)) is None:
            known = self._turned[key] = _turn(helped, typed)
        return known


def _exchanges(part: bytes) -> _Exchanges:
    """Return what becomes of a part's lines; NEVER where a family lacks HELP, TYPE or samples, or has bounds."""
    pieces = part.split(ABOVE)
    helped = pieces[::2]
    typed = [one[: one.find(b"\n") + 1] for one in pieces[1::2]]
    if len(helped) != len(typed) or not all(map(HELPED.fullmatch, helped)):
        return NEVER
    if not all(map(TYPED.fullmatch, typed)) or any(one[:-1].endswith(BOUNDED) for one in typed):
        return NEVER
    anew = []
    for at, (above, below) in enumerate(zip(helped, typed, strict=True)):
        first = b"" if at else b"# "  # at the beginning nothing stands before the line
        told, kind = _turn(above.removeprefix(first), below[:-1]).splitlines(keepends=True)
        new = first + told[2:-1], kind[2:]
        if new != (above, below):
            anew.append((at, *new))
    return _Exchanges(helped, typed, tuple(anew))


def _turn(helped: bytes, typed: bytes) -> bytes:
    """Return the lines above a family's samples.

    Args:
        helped: `HELP name text`; empty when there is none.
        typed: `TYPE name kind`, or another HELP, where nothing tells the type.
    """
    word, name, kind = (*typed.split(b" ", 2), b"")[:3]
    if word != b"TYPE":
        helped, kind = typed, UNKNOWN
    elif kind == UNTYPED or (kind == COUNTER and not name.endswith(TOTAL)):
        kind = UNKNOWN
    family = name.removesuffix(TOTAL) if kind == COUNTER else name
    text = helped.split(b" ", 2)[2] if helped.count(b" ") > 1 else b""
    told = b"# HELP %b %b\n" % (family, text.replace(b'"', rb"\"")) if helped else b""
    return told + b"# TYPE %b %b\n" % (family, kind)
