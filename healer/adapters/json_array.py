"""Takes a JSON array of objects apart while it arrives, so that megabytes of it are never held at once.

Format: RFC 8259, in UTF-8. Rule: what is left of one object costs at most twice its length to look at again.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

_BLANK = " \t\n\r"


class ArrayReader:
    """One array, from its first byte to its last."""

    def __init__(self) -> None:
        """Begin before the bracket."""
        self._characters = codecs.getincrementaldecoder("utf-8")()
        self._object = json.JSONDecoder()
        self._parts: list[str] = []
        self._held = 0
        self._enough = 0
        self._wanted = "["

    def feed(self, part: bytes) -> Iterator[dict[str, Any]]:
        """Yield the objects that are whole with these bytes, in order.

        Raises:
            ValueError: This is no array of objects; what was yielded before is of no use either.
        """
        yield from self._taken(self._characters.decode(part))

    def close(self) -> Iterator[dict[str, Any]]:
        """Yield what is left at the end.

        Raises:
            ValueError: The array has no end, or something comes after it.
        """
        self._enough = 0
        yield from self._taken(self._characters.decode(b"", final=True))
        if self._wanted:
            msg = f"the array ends where {self._wanted!r} should be: {''.join(self._parts)[:60]!r}"
            raise ValueError(msg)

    def _taken(self, text: str) -> Iterator[dict[str, Any]]:
        self._parts.append(text)
        self._held += len(text)
        if self._held < self._enough:
            return
        text, at = "".join(self._parts), 0
        self._enough = 0
        while (at := _after_blanks(text, at)) < len(text):
            if text[at] == "{" and "{" in self._wanted:
                try:
                    found, at = self._object.raw_decode(text, at)
                except json.JSONDecodeError:  # not whole yet, or never
                    self._enough = 2 * (len(text) - at)
                    break
                except RecursionError:
                    raise ValueError("objects lie too deep in each other") from None
                self._wanted = ",]"
                yield found
            else:
                self._wanted = self._next(text[at])
                at += 1
        self._parts, self._held = [text[at:]], len(text) - at

    def _next(self, character: str) -> str:
        """Return what may come after this character; nothing after the end."""
        if character not in self._wanted or character == "{":
            msg = f"{character!r} where one of {self._wanted!r} should be"
            raise ValueError(msg)
        return {"[": "{]", ",": "{", "]": ""}[character]


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
