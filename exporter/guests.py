"""Families of metrics that other programs wrote and that we pass on: they may break nothing of ours.

Prometheus refuses a whole exposition in which a name is there twice, in OpenMetrics even where they differ by `_total`.
And what the rules, and by them a healer, believe of a node is the exporter's own word alone.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exporter.cutting import cut

TYPE = b"\n# TYPE "
TOTAL = b"_total"
RESERVED = b"hale_"


class Guest(NamedTuple):
    """One family.

    Attributes:
        names: Its own and those of its samples.
        text: Its lines in the text format, header included.
        series: How many samples it has.
    """

    names: frozenset[bytes]
    text: bytes
    series: int


def admitted(
    guests: Iterable[tuple[str, Guest]], ours: bytes, most: int
) -> tuple[bytes, dict[tuple[str, str], int]]:
    """Return what can be appended to an exposition, and how many series are left out, by collector and family.

    Args:
        guests: Each with its collector's name. The first of two that contradict each other is taken.
        ours: The exposition.
        most: Series to be taken in all.
    """
    taken = {_root(part.partition(b" ")[0]) for part in (b"\n" + ours).split(TYPE)[1:]}
    shown, refused = list[bytes](), dict[tuple[str, str], int]()
    for name, guest in guests:
        roots = {_root(one) for one in guest.names}
        unwelcome = roots & taken or any(one.startswith(RESERVED) for one in roots)
        text, out = (b"", guest.series) if unwelcome else cut(guest.text, most)
        taken |= roots if text else set()
        most -= guest.series - out
        shown.append(text)
        if out:
            whose = name, min(guest.names, key=len).decode()
            refused[whose] = refused.get(whose, 0) + out
    return b"".join(shown), refused


def _root(name: bytes) -> bytes:
    return name.removesuffix(TOTAL)
