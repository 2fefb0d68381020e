"""How the body of an earlier version of an event becomes one of the next: one table, one step a row.

Rule: a row stays for as long as a journal may hold that version, which is for as long as failures are kept.
Each is a pure function of the fields as JSON has them.
"""

from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]
Upcast = Callable[[Fields], Fields]

VERSIONS: Mapping[str, int] = {
    "action_intended": 4,
    "approval_given": 3,
    "frozen": 2,
    "healer_started": 2,
    "incident_held": 3,
    "upkeep_began": 2,
    "verification_ended": 2,
}
"""The version in which each kind is written; 1 where it is not named.

Whoever changes the fields of an event, or of what stands in it, raises its version here, adds the step to UPCASTS
and accepts the new fields with `pytest tests/healer/adapters/test_versions.py --rewrite`.
"""


def added(**fields: Any) -> Upcast:
    """Return the step for new fields, with what they mean for events that were written without them."""
    return lambda old: old | fields


def _verify_without_lookback(old: Fields) -> Fields:
    verify = old["verify"]
    return old | {"verify": None if verify is None else verify | {"lookback_seconds": 0.0}}


UPCASTS: Mapping[tuple[str, int], Upcast] = {
    # What proves it was looked up in the ladder of the same name when it ended.
    ("action_intended", 1): added(verify=None, ladder_digest=""),
    # No window was declared.
    ("action_intended", 2): _verify_without_lookback,
    # No target was a failure domain, here and below; what does not name one means none.
    ("action_intended", 3): added(),
    # The action was looked up in the ladder.
    ("approval_given", 1): added(action=""),
    ("approval_given", 2): added(),
    # Nobody noted what a yes was asked for: the next look does.
    ("incident_held", 1): added(asked=None),
    ("incident_held", 2): added(),
    # There was one healer, and nobody noted where.
    ("healer_started", 1): added(node=""),
    # Its marks were named by its id alone, and stay so.
    ("upkeep_began", 1): added(began_at=None),
    # There were no owners.
    ("frozen", 1): added(owner=False),
    # Nobody noted since when the service had served.
    ("verification_ended", 1): added(served_at=None),
}
"""By kind and the version that it starts from."""
