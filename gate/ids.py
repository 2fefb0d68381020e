"""Tokens and action ids: the numbers by which nothing runs twice and an old healer is told from a new one.

Both are ordered, and the order means age: a larger one was given out later.
"""

import re
from dataclasses import dataclass

LARGEST = 2**63 - 1
"""Terms may be etcd revisions, which are int64; the ledger stores eight bytes for each number."""

_NUMBER = r"(0|[1-9][0-9]{0,18})"
_ID = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")


@dataclass(frozen=True, slots=True, order=True)
class Token:
    """Who may act: one start of one healer. A lower token is refused once a higher one was seen."""

    era: int
    term: int

    def __str__(self) -> str:
        return f"[{self.era},{self.term}]"


@dataclass(frozen=True, slots=True, order=True)
class ActionId:
    """The name of one attempt at one action, written `era.term.number`."""

    era: int
    term: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "ActionId":
        """Read `1.4.17`.

        Only the one usual spelling is taken: `1.04.17` would be a second name for the same id.

        Raises:
            ValueError: it is not three decimal numbers of at most 63 bits.
        """
        found = _ID.fullmatch(text)
        if found is None:
            raise ValueError(f"want three decimal numbers like 1.4.17, got {text[:80]!r}")
        numbers = [int(part) for part in found.groups()]
        if max(numbers) > LARGEST:
            raise ValueError(f"no part of an id may exceed {LARGEST}, got {text!r}")
        return cls(*numbers)

    @property
    def token(self) -> Token:
        """The token under which this id was given out."""
        return Token(self.era, self.term)

    def __str__(self) -> str:
        return f"{self.era}.{self.term}.{self.number}"
