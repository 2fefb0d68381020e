"""The JSON document that smartctl writes of a disk.

Rule: nothing in it is believed to be there, or to be of any type.
"""

import json
import re

from exporter.collector import Malformed

# Written by smartctl before 7.3 in front of the document (smartmontools ticket 1634).
STRAY = "  Pending defect count:"


class Said:
    """A value of the document, or the absence of one; asking what is not there is no error."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value is not None

    def at(self, path: str) -> "Said":
        """Return the value under a name, or under names with dots between."""
        value = self._value
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return Said(value)

    def number(self) -> float:
        """Return it as a number; 0 for what is none, as smartctl_exporter has it."""
        match self._value:
            case bool() | float():
                return float(self._value)
            case int() if abs(self._value) < 1 << 128:  # the widest field of NVMe
                return self._value
            case str() if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,20})?", self._value, re.ASCII):
                return float(self._value)
        return 0.0

    def text(self, default: str = "") -> str:
        """Return it as the text that it is in series; `default` where there is nothing."""
        match self._value:
            case str():
                return self._value.strip()
            case bool() | int() | float():
                return json.dumps(self._value)
        return default

    def items(self) -> "list[tuple[str, Said]]":
        """Return what is in a mapping; nothing of anything else."""
        found = self._value if isinstance(self._value, dict) else {}
        return [(name, Said(value)) for name, value in found.items()]

    def all(self) -> "list[Said]":
        """Return what is in a list; nothing of anything else."""
        return [Said(value) for value in self._value] if isinstance(self._value, list) else []


def parse(output: str) -> Said:
    """Read what smartctl wrote.

    Raises:
        Malformed: It is no JSON document.
    """
    try:
        value = json.loads(output.removeprefix(STRAY))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"smartctl: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Malformed(f"smartctl: wanted a document, saw {output[:80]!r}")
    return Said(value)
