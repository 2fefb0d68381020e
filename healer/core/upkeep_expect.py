"""What a gate has to find unchanged for one action of an upkeep, from what it said just before."""

import json

from healer.core.actions import Scope, action_of
from healer.core.look import Look
from healer.core.unchanged import seen_before
from healer.core.upkeep_steps import Do


def expect(do: Do, look: Look) -> str:
    """Return it as JSON with sorted keys; empty where the gate does not say how its target is."""
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
        case _:
            pass
    return json.dumps(expected, sort_keys=True, separators=(",", ":"))
