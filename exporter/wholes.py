"""Whole numbers in files of /proc and /sys that hold nothing else."""

from exporter.collector import Malformed
from exporter.procfile import ProcFile

# Of the largest number of 64 bits, and a sign.
DIGITS = 20
HEXADECIMAL = 16
HEXADECIMAL_DIGITS = b"0123456789abcdefABCDEF"


def whole(data: bytes, name: str) -> int:
    """Read the one number of a file; it may be below 0.

    Raises:
        Malformed: It is none, or longer than any that the kernel has.
    """
    word = data.strip()
    if not is_whole(word.removeprefix(b"-")):
        raise Malformed(f"{name}: wanted a whole number, saw {data[:40]!r}")
    return int(word)


def is_whole(word: bytes) -> bool:
    """Tell whether these are the digits of a number that the kernel could have."""
    return word.isdigit() and len(word) <= DIGITS


def is_hexadecimal(word: bytes) -> bool:
    """Tell whether these are the hexadecimal digits, without 0x, of a number that the kernel could have."""
    return len(word) <= HEXADECIMAL and not word.strip(HEXADECIMAL_DIGITS) and bool(word)


def read_whole(file: ProcFile) -> int:
    """Read such a file now.

    Raises:
        Absent: It does not exist.
        Malformed: It holds something else.
        OSError: It could not be read.
    """
    return whole(file.read_value(), file.path.name)
