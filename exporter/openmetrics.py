"""Turns an exposition in the text format 0.0.4 into OpenMetrics 1.0.0, which Prometheus asks for first.

Samples are the same bytes in both; what differs stands in the lines above them, which are the same at each
scrape and so are turned once.
Format: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

END = b"# EOF\n"
TOTAL = b"_total"
UNTYPED, UNKNOWN, COUNTER = b"untyped", b"unknown", b"counter"
BOUNDED = (b" histogram", b" summary")
# A bound of theirs that is a whole number; OpenMetrics has it as 1.0.
WHOLE_BOUND = re.compile(rb'\b(le|quantile)="(-?[0-9]+)"')

# What tells one set of families from another: how many there are, and how many are of a type that is called otherwise
# or named otherwise. In 0.0.4 none of these stands within a sample line.
SIGNS = (b"# TYPE ", b" counter\n", b" untyped\n", b" histogram\n", b" summary\n")
# A family's two lines; that of a metric without HELP is turned the long way each time.
ABOVE = re.compile(rb"^# HELP (\S+) ?.*\n# TYPE \1 \w+\n", re.MULTILINE)

NEVER = (-1,) * len(SIGNS)

# More families than any node has; the names of a hostile textfile must not fill the memory.
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Exchanges:
    """Which lines above samples differ in OpenMetrics, in their order; no HELP of ours has a quotation mark.

    Attributes:
        pairs: A HELP and its TYPE line as they are in 0.0.4, and in OpenMetrics.
        counts: How often each of SIGNS is there.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    counts: tuple[int, ...]

    def apply(self, part: bytes) -> bytes | None:
        """Return a part with these exchanged; None where its families are not those of before."""
        if tuple(map(part.count, SIGNS)) != self.counts:
            return None
        written, at = list[bytes](), 0
        for old, new in self.pairs:
            found = part.find(old, at)
            if found < 0:
                return None
            written += part[at:found], new
            at = found + len(old)
        written.append(part[at:])
        return b"".join(written)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the last exposition: as it was, as it was turned, and how."""

    part: bytes
    turned: bytes
    exchanges: _Exchanges


NOTHING = _Part(b"", b"", _Exchanges((), NEVER))


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

    def of(self, parts: Sequence[bytes]) -> bytes:
        """Return the same samples in OpenMetrics, of an exposition in parts that have whole families.

        What the background serves is the same object until it has news, and is not turned again. Of the others the
        lines above the samples are as they were at the last scrape, and only those that differ are exchanged.

        Args:
            parts: As `Scraper.parts` has them, the guests last; nobody knows what those write.
        """
        before, self._parts = self._parts, []
        for at, part in enumerate(parts):
            known = before[at] if at < len(before) else NOTHING
            if known.part is not part:
                turned = known.exchanges.apply(part) if part is not parts[-1] else None
                exchanges = known.exchanges
                if turned is None:
                    turned, exchanges = self._samples(part), _exchanges(part)
                known = _Part(part, turned, exchanges)
            self._parts.append(known)
        return b"".join((*(one.turned for one in self._parts), END))

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
    pairs = []
    for match in ABOVE.finditer(part):
        helped, typed, _ = match[0].split(b"\n")
        new = _turn(helped[2:], typed[2:])
        if new != match[0]:
            pairs.append((match[0], new))
    counts = list(map(part.count, SIGNS))
    # Bounds are written otherwise, and lines that have no HELP above them are not in the list.
    plain = (
        counts[3] == counts[4] == 0
        and part.count(b"\n# HELP ") + part.startswith(b"# HELP ") == counts[0]
    )
    return _Exchanges(tuple(pairs), tuple(counts) if plain else NEVER)


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
