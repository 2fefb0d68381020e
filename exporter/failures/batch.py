"""Lines as they come from where they are followed, and what of a flood of them is read."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol

Entry = dict[str, Any]
"""One line with the fields of the journal (systemd.journal-fields(7)), whether or not it came from there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries in order.

    Attributes:
        entries: Those to be classified.
        skipped: How many more there were, for which there was no budget.
        cursor: Of the last one, read or skipped; `follow` goes on behind it.
    """

    entries: tuple[Entry, ...]
    skipped: int
    cursor: str


class Denied(Exception):
    """We may not read it."""


class Followed(Protocol):
    """Something that lines come from."""

    def follow(self, cursor: str) -> AsyncGenerator[Batch, None]:
        """Yield what came after a cursor, and whatever comes; an empty cursor is as far back as matters.

        A batch without entries says that it is read, and that nothing is new.

        Raises:
            Denied: We may not read it.
            OSError: It cannot be read; a FileNotFoundError where there is none.
        """
        ...
