"""Families that all have the same series, such as one for each processor, as one text with places for the numbers.

The text is made anew only when a series came or went; a scrape only fills in.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from exporter.collector import Malformed
from exporter.exposition import Family, block


class Grid:
    """A column for each family, a row for each series of it."""

    def __init__(
        self, families: Sequence[Family], labels: Sequence[str], place: bytes = b"%d"
    ) -> None:
        """Make no text yet.

        Args:
            families: In the order in which they are served.
            labels: The names of the labels, in the order in which they are served.
            place: How a number is written: %d for whole ones, %a for any, %b for digits as they were read.
        """
        self._families = tuple(families)
        self._labels = tuple(labels)
        self._place = place
        self._rows: tuple[tuple[str, ...], ...] = ()
        self._text = b""

    def fill(
        self, rows: tuple[tuple[str, ...], ...], columns: Iterable[Iterable[float | bytes]]
    ) -> bytes:
        """Return every family with its numbers; nothing where there are no rows.

        Args:
            rows: The labels' values of each series.
            columns: For each family its numbers, in the order of the rows.

        Raises:
            Malformed: Two rows are the same.
        """
        if rows != self._rows:
            self._text, self._rows = self._made(rows), rows
        return self._text % tuple(chain.from_iterable(columns)) if rows else b""

    def _made(self, rows: tuple[tuple[str, ...], ...]) -> bytes:
        if len(set(rows)) < len(rows):
            raise Malformed(f"{self._families[0].name}: a series is there twice")
        labels = [dict(zip(self._labels, row, strict=True)) for row in rows]
        return b"".join(
            block(family, [literal(family.series(**one)) + self._place + b"\n" for one in labels])
            for family in self._families
        )


def literal(series: bytes) -> bytes:
    """Keep what a label holds from being taken for a place."""
    return series.replace(b"%", b"%%")
