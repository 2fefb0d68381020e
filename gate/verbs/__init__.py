"""The verbs of this gate, as a table. A verb that is not here does not exist."""

from gate.verb import TakingVerb
from gate.verbs import action_settle
from gate.verbs.service_restart import ServiceRestart

TAKING: dict[str, TakingVerb] = {
    "service.restart": ServiceRestart(),
}
"""Verbs that touch the node: one at a time, spaced, and never under a hold."""

SETTLE = action_settle.NAME
"""Touches only the ledger, so it passes under a hold and beside a running verb."""

KNOWN = (*TAKING, SETTLE)
