"""Holds a collector's series to a number, so that one that explodes does not take the scrape or Prometheus along."""

import re
from collections.abc import Iterator

# A host with 128 processors has some 40,000 interrupts to tell of; nothing that is in order has more.
MOST_SERIES = 50_000

# The shortest sample line: a name of one letter, a space, a digit and the end of the line.
SHORTEST = 4

# These mean something only whole.
OF_ONE_PIECE = re.compile(rb"^# TYPE \S+ (histogram|summary)$", re.MULTILINE)


def cut(body: bytes, most: int) -> tuple[bytes, int]:
    """Return the first `most` series of an exposition, and how many were left out.

    What is cut are whole lines at the end, and of histograms and summaries whole families; a family of which nothing
    is left loses its header, so that what remains is valid.
    """
    if len(body) <= SHORTEST * most or body.count(b"\n") <= most:
        return body, 0
    kept, out = list[bytes](), 0
    for header, samples in _families(body):
        room = most if len(samples) <= most or not OF_ONE_PIECE.search(header) else 0
        if shown := samples[:room]:
            kept += [header, *shown]
        most -= len(shown)
        out += len(samples) - len(shown)
    return b"".join(kept), out


def _families(body: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield each family's comments and its sample lines."""
    header, samples = list[bytes](), list[bytes]()
    for line in body.splitlines(keepends=True):
        if not line.startswith(b"#"):
            samples.append(line)
            continue
        if samples:
            yield b"".join(header), samples
            header, samples = [], []
        header.append(line)
    yield b"".join(header), samples
