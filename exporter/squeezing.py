"""Gzip for expositions: as little work as it takes to make them a tenth as long.

Much of a node's exposition stands still: how collectors ended, what is known of disks, the errors that an interface has
not had. Such a piece is squeezed by itself when it is seen a second time, and from then on put into the stream as it
lies (RFC 1951: blocks follow each other, and after a full flush none refers to what is before it).
"""

import zlib
from collections.abc import Sequence
from struct import pack
from typing import NamedTuple

# The fastest level: the text is repetitive enough even so.
LEVEL = 1

# zlib's windowBits, below 0 for no header, and memLevel (zlib.h). Its defaults clear 256 KiB before they begin, and a
# window that a text outgrows has to be moved along.
SMALL = -14, 6
LARGE = -15, 7
LARGE_BYTES = 16 * 1024

# RFC 1952: deflate, no flags, no time, the fastest level, Unix.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\x03"

# Below this many bytes it costs more to begin a block behind a piece than to squeeze it along.
LEAST_KEPT = 4096
# Of a part with fewer the families are not looked at by themselves.
LEAST_SPLIT = 16 * 1024
FAMILY = b"\n# HELP "


class _Piece(NamedTuple):
    """A piece of the last exposition, and as it is in the stream; None while it was seen only once."""

    text: bytes
    packed: bytes | None


NOTHING = _Piece(b"", None)


class Squeezer:
    """Squeezes one exposition after another, and remembers the last one."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def __call__(self, parts: Sequence[bytes]) -> bytes:
        """Return the parts as one gzip member."""
        texts = [text for part in parts for text in _families(part)]
        member = _Member(sum(map(len, texts)))
        for piece in self._compared(texts):
            if piece.packed is None:
                member.add(piece.text)
            else:
                member.add_packed(piece.text, piece.packed)
        return member.whole()

    def _compared(self, texts: Sequence[bytes]) -> list[_Piece]:
        """Return what is known of each piece: those in the same place were the same last time, or are new."""
        before, self._pieces = self._pieces, []
        for at, text in enumerate(texts):
            known = before[at] if at < len(before) else NOTHING
            if known.text != text or len(text) < LEAST_KEPT:
                known = _Piece(text, None)
            elif known.packed is None:
                known = _Piece(text, _packed(text))
            self._pieces.append(known)
        return self._pieces


class _Member:
    """One gzip member while it is written, without a time in its header (RFC 1952)."""

    def __init__(self, size: int) -> None:
        """Begin it.

        Args:
            size: Bytes of the whole text that will be added.
        """
        self._size = size
        window = LARGE if size >= LARGE_BYTES else SMALL
        self._making = zlib.compressobj(LEVEL, zlib.DEFLATED, *window)
        self._written = [HEADER]
        self._waiting: list[bytes] = []  # texts that are squeezed in one go
        self._check = 0

    def add(self, text: bytes) -> None:
        """Add a text."""
        self._waiting.append(text)

    def add_packed(self, text: bytes, packed: bytes) -> None:
        """Add a text that is squeezed already, by `_packed`."""
        if self._waiting:
            self._squeeze(zlib.Z_FULL_FLUSH)
        self._check = zlib.crc32(text, self._check)
        self._written.append(packed)

    def whole(self) -> bytes:
        """Return it all."""
        self._squeeze(zlib.Z_FINISH)
        return b"".join((*self._written, pack("<II", self._check, self._size & 0xFFFFFFFF)))

    def _squeeze(self, then: int) -> None:
        text = b"".join(self._waiting)
        self._waiting.clear()
        self._check = zlib.crc32(text, self._check)
        self._written += self._making.compress(text), self._making.flush(then)


def _packed(text: bytes) -> bytes:
    """Return a text as blocks that end with a whole byte and refer to nothing before them."""
    making = zlib.compressobj(LEVEL, zlib.DEFLATED, *SMALL)
    return making.compress(text) + making.flush(zlib.Z_FULL_FLUSH)


def _families(part: bytes) -> list[bytes]:
    """Take a part apart, if it is worth it."""
    if len(part) < LEAST_SPLIT:
        return [part]
    *others, last = part.split(FAMILY)
    return [*(one + FAMILY for one in others), last]
