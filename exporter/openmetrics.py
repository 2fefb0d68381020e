"""Turns an exposition in the text format 0.0.4 into OpenMetrics 1.0.0, which Prometheus asks for first.

Samples are the same bytes in both; what differs stands in the lines above them, which are the same at each
scrape and so are turned once.
Format: https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from collections.abc import Sequence

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

END = b"# EOF\n"
TOTAL = b"_total"
UNTYPED, UNKNOWN, COUNTER = b"untyped", b"unknown", b"counter"
BOUNDED = (b" histogram", b" summary")
# A bound of theirs that is a whole number; OpenMetrics has it as 1.0.
WHOLE_BOUND = re.compile(rb'\b(le|quantile)="(-?[0-9]+)"')

# More families than any node has; the names of a hostile textfile must not fill the memory.
MOST_KEPT = 10_000


class OpenMetrics:
    """Writes expositions anew, and remembers the lines that it has turned before."""

    def __init__(self) -> None:
        self._turned: dict[bytes, bytes] = {}
        self._parts: dict[int, tuple[bytes, bytes]] = {}  # of the last exposition, by id

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

        What the background serves is the same object until it has news, and is not turned again.
        """
        before, self._parts = self._parts, {}
        for part in parts:
            known = before.get(id(part))  # of an object that is kept nothing else has the id
            turned = known[1] if known is not None else self._samples(part)
            self._parts[id(part)] = part, turned
        return b"".join((*(self._parts[id(part)][1] for part in parts), END))

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
