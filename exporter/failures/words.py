"""The words of a line, by which the entries are found that may tell what it is: letters, digits and _, in lower case.

Rule: they are looked for without their digits first. Numbers are what one line of a program differs by from the next,
so most lines have the shape of one that was there before, and the entries that may tell it are known.
"""

from collections.abc import Iterable

DIGITS = b"0123456789"
_WORDY = frozenset(b"abcdefghijklmnopqrstuvwxyz_" + DIGITS)
_TABLE = (
    bytes(low if (low := ord(chr(byte).lower())) in _WORDY else 0x20 for byte in range(128))
    + b" " * 128
)
"""ASCII letters in lower case, digits and _ as they are, and a space for everything else."""


def words_of(text: str) -> frozenset[bytes]:
    """Return the words of a text."""
    return frozenset(text.encode(errors="replace").translate(_TABLE).split())


def shape_of(text: str, numbers: Iterable[str] = ()) -> bytes:
    """Return the words of a text without their digits, and those of the numbers that are anywhere in it."""
    shape = text.encode(errors="replace").translate(_TABLE, DIGITS)
    for number in numbers:
        if number in text:
            shape += b" " + number.encode()
    return shape


def shaped(words: Iterable[bytes]) -> frozenset[bytes]:
    """Return words as a shape has them, which has none for a number."""
    return frozenset(word.translate(None, DIGITS) for word in words) - {b""}
