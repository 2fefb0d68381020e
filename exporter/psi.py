"""How the kernel writes how long work had to wait: Documentation/accounting/psi.rst."""

import re
from typing import NamedTuple

from exporter.collector import Malformed

# `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds; other kinds of line are passed over.
TOTAL = re.compile(rb"^(some|full) (?:\S+ )*?total=(\d{1,20})(?= |$)", re.M)


class Pressure(NamedTuple):
    """How long some, and how long all, work has waited for one resource, in microseconds; None where not told."""

    some: int | None
    full: int | None


def parse(data: bytes) -> Pressure:
    """Find the totals of one resource.

    Raises:
        Malformed: There is neither of the two, one is there twice, or the file ends within a line.
    """
    found = TOTAL.findall(data)
    totals = {kind: int(total) for kind, total in found}
    if not found or len(totals) != len(found) or not data.endswith(b"\n"):
        raise Malformed(f"pressure: wanted the totals of some and full, saw {data[:120]!r}")
    return Pressure(totals.get(b"some"), totals.get(b"full"))
