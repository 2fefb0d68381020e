"""What gate.json lists of a backup that this gate may put back."""

from dataclasses import dataclass

from gate import fields
from gate.strict_json import Json

_KEYS = ("drill", "run", "report", "period_seconds", "units")


@dataclass(frozen=True, slots=True)
class RestoreRule:
    """One backup of this node.

    Attributes:
        drill: The report of its last restore drill, which says what was proved.
        run: The report of its last run, which says when anything changed last.
        report: What its last restore came to.
        period_seconds: For how long a proof counts.
        units: Those that hale-backup stops around a restore.
    """

    drill: str
    run: str
    report: str
    period_seconds: float
    units: tuple[str, ...]


def restore(value: Json, where: str) -> RestoreRule:
    """Read one entry of `restores`."""
    found = fields.object_at(value, where)
    fields.only(found, _KEYS, where + ".")
    return RestoreRule(
        fields.path(found.get("drill"), f"{where}.drill"),
        fields.path(found.get("run"), f"{where}.run"),
        fields.path(found.get("report"), f"{where}.report"),
        fields.number(found.get("period_seconds"), f"{where}.period_seconds"),
        fields.texts(found.get("units", []), f"{where}.units"),
    )
