"""Prometheus' text format 0.0.4, written as bytes.

A series' name and labels are turned into bytes once; a scrape only adds the number.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
from dataclasses import dataclass
from enum import Enum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(Enum):
    """The metric types that the exporter writes itself."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNTYPED = "untyped"  # as node_exporter where the source does not say


@dataclass(frozen=True, slots=True)
class Family:
    """One metric name with its type and its sentence."""

    name: str
    kind: Kind
    help: str

    def header(self) -> bytes:
        """Return the HELP and TYPE lines, which precede the family's samples."""
        text = self.help.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {self.name} {text}\n# TYPE {self.name} {self.kind.value}\n".encode()

    def series(self, **labels: str) -> bytes:
        """Return everything of a sample line up to its number, labels in the order given."""
        if not labels:
            return f"{self.name} ".encode()
        pairs = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
        return f"{self.name}{{{pairs}}} ".encode("utf-8", "replace")


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float) -> bytes:
    """Write a sample's value; whole numbers keep every digit."""
    if isinstance(value, int):  # bool too: True is written as 1
        return b"%d" % value
    if math.isnan(value):
        return b"NaN"
    if math.isinf(value):
        return b"+Inf" if value > 0 else b"-Inf"
    return repr(value).encode()


def block(family: Family, lines: list[bytes]) -> bytes:
    """Return one family whole, or nothing when it has no samples."""
    return family.header() + b"".join(lines) if lines else b""


def line(series: bytes, value: float) -> bytes:
    """Return one sample line of a series made by `Family.series`."""
    return series + number(value) + b"\n"
