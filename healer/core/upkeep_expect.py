"""What a gate has to find unchanged for one action of an upkeep, from what it said just before."""

import json

from healer.core.actions import Scope, action_of
from healer.core.facts import Facts
from healer.core.look import Look
from healer.core.pacemaker import not_needed
from healer.core.unchanged import seen_before, serves_nothing
from healer.core.upkeep_steps import Do


def expect(do: Do, look: Look, facts: Facts) -> str:
    """Return it as JSON with sorted keys; empty where the gate does not say how its target is.

    Args:
        do: What is to be done.
        look: What its gate said.
        facts: What the other members of a Pacemaker cluster say, where the node is to be patched or booted.
    """
    expected: dict[str, object] = {"boot_id": look.boot_id}
    match action_of(do.action).scope:
        case Scope.POOL | Scope.ADDRESS | Scope.DATABASE as scope:
            before = seen_before(scope, do.args, do.look, look)
            if before is None:
                return ""
            expected |= before
        case Scope.CLUSTERED:
            name = dict(do.args)["pacemaker"]
            cluster = look.pacemakers.get(name)
            own = cluster.nodes.get(look.node) if cluster is not None else None
            if own is None:
                return ""
            expected["pacemakers"] = {name: {"standby": own.standby}}
        case Scope.NODE if action_of(do.action).takes:
            clusters = facts.topology.pacemakers_of(do.gate)
            gone = (one for one in clusters if not_needed(one, do.gate, facts, ()))
            expected |= serves_nothing(gone)
        case _:
            pass
    return json.dumps(expected, sort_keys=True, separators=(",", ":"))
