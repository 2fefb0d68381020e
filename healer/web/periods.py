"""How long something is to last, as people write it."""

import re

from healer.errors import Malformed

PERIOD = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

LONGEST_HOLD = 365 * 86400.0
"""Seconds. Whatever lasts longer is held without an end, and released when it is over."""


def period(text: str) -> float:
    """Return the seconds that `90s`, `30m`, `2h` or `1d` stand for.

    Raises:
        Malformed: It is none of these, or longer than a hold may last.
    """
    found = PERIOD.fullmatch(text)
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_HOLD:
        raise Malformed(f"for: {text!r} is no time like 30m, 2h or 1d, up to 365d")
    return seconds
