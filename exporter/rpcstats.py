"""Counts of remote procedure calls, as /proc/net/rpc/nfs and nfsd have them: a line each, a word and numbers.

Formats: net/sunrpc/stats.c, rpc_client_seq_show() and svc_seq_show(), and fs/nfsd/stats.c. Of a line that the kernel
does not write, as of NFSv2 where it is not built in, every number is 0, as with node_exporter.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from exporter.collector import Malformed
from exporter.exposition import Family, block
from exporter.wholes import is_whole

# Only two numbers of this line are whole: what followed was a histogram, in seconds.
THREADS = b"th"


class Place(NamedTuple):
    """Where a series' number stands: the line's word, and its place among the numbers."""

    line: bytes
    at: int
    family: Family
    labels: Mapping[str, str]


def places(
    line: bytes, at: int, family: Family, labels: Iterable[Mapping[str, str]]
) -> list[Place]:
    """Return the places of series of one family that follow each other in a line."""
    return [Place(line, at + number, family, one) for number, one in enumerate(labels)]


def methods(line: bytes, family: Family, proto: str, names: Sequence[str]) -> list[Place]:
    """Return the places of a protocol's methods, whose line begins with how many they are; "" is not shown."""
    found = places(line, 1, family, [{"method": name, "proto": proto} for name in names])
    return [place for place in found if place.labels["method"]]


def parse(data: bytes) -> dict[bytes, list[int]]:
    """Return the numbers of each line, by its word.

    Raises:
        Malformed: A line has no numbers, its methods are not as many as it says, or the file ends within a line.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"rpc: wanted whole lines, ends {data[-40:]!r}")
    found = dict[bytes, list[int]]()
    for row in data.splitlines():
        key, *words = row.split() or [b""]
        words = words[:2] if key == THREADS else words
        if not words or not all(map(is_whole, words)):
            raise Malformed(f"rpc: wanted a word and numbers, saw {row[:80]!r}")
        numbers = [int(word) for word in words]
        if key.startswith(b"proc") and numbers[0] != len(numbers) - 1:
            raise Malformed(f"rpc: wanted {numbers[0]} methods, saw {row[:80]!r}")
        found[key] = numbers
    return found


class Table:
    """Series whose numbers stand in such lines, as one text with places for them."""

    def __init__(self, series: Sequence[Place], least: Mapping[bytes, int]) -> None:
        """Make the text.

        Args:
            series: All of them, those of one family together.
            least: How many numbers a line has at least, by its word; what it lacks beyond these is 0.
        """
        self._series = tuple(series)
        self._least = least
        families = {place.family: list[bytes]() for place in series}
        for place in series:
            families[place.family].append(place.family.series(**place.labels) + b"%d\n")
        self._text = b"".join(block(family, lines) for family, lines in families.items())

    def fill(self, lines: Mapping[bytes, Sequence[int]]) -> bytes:
        """Return every family with its numbers.

        Raises:
            Malformed: A line has too few numbers.
        """
        for key, least in self._least.items():
            if key in lines and len(lines[key]) < least:
                raise Malformed(f"rpc: wanted {least} numbers of {key!r}, saw {len(lines[key])}")
        return self._text % tuple([_at(lines.get(one.line, ()), one.at) for one in self._series])


def _at(numbers: Sequence[int], at: int) -> int:
    return numbers[at] if at < len(numbers) else 0
