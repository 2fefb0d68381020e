"""Durations and sizes as people write them, and back.

Rule: a number without a unit is a mistake, since nobody can tell seconds from minutes.
"""

import re

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}

# Ten years and an exbibyte: far beyond any use, and still exact as a float of seconds.
MAX_SECONDS = 3650 * 86400
MAX_BYTES = 2**60

DURATION_PATTERN = r"^[0-9]{1,12}(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,12}(B|KiB|MiB|GiB|TiB)$"

_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)


def duration(text: str) -> float:
    """Return the seconds that `500ms`, `30s`, `5m`, `2h` or `30d` stand for.

    Raises:
        ValueError: the text is none of these, or longer than ten years.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith("\n"):
        raise ValueError(f"{text!r} is not a duration. Write a whole number and ms, s, m, h or d.")
    unit = match[1]
    number = int(text[: -len(unit)])
    # Division keeps 500ms at exactly 0.5; multiplying by 0.001 would not.
    seconds = number / 1000 if unit == "ms" else float(number * SECONDS[unit])
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than ten years. Write a shorter duration.")
    return seconds


def duration_text(seconds: float) -> str:
    """Write seconds in the largest unit that needs no fraction: 90.0 is `90s`, 120.0 is `2m`.

    Prometheus, Alertmanager and systemd all read this form. Below a millisecond is rounded.
    """
    milliseconds = round(seconds * 1000)
    for unit in ("d", "h", "m", "s"):
        size = round(SECONDS[unit] * 1000)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def size(text: str) -> int:
    """Return the bytes that `512B`, `64KiB`, `4MiB`, `2GiB` or `1TiB` stand for.

    Raises:
        ValueError: the text is none of these, or larger than an exbibyte.
    """
    match = _SIZE.fullmatch(text)
    if match is None or text.endswith("\n"):
        raise ValueError(
            f"{text!r} is not a size. Write a whole number and B, KiB, MiB, GiB or TiB."
        )
    number = int(text[: -len(match[1])]) * BYTES[match[1]]
    if number > MAX_BYTES:
        raise ValueError(f"{text!r} is larger than an exbibyte. Write a smaller size.")
    return number


def size_text(count: int) -> str:
    """Write bytes in the largest unit that needs no fraction."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count and count % BYTES[unit] == 0:
            return f"{count // BYTES[unit]}{unit}"
    return f"{count}B"
