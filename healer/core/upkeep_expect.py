"""What a gate has to find unchanged for one action of an upkeep, from what it said just before."""

import json

from healer.core.actions import Scope, action_of, subject_of
from healer.core.look import Look
from healer.core.upkeep_steps import Do


def expect(do: Do, look: Look) -> str:
    """Return it as JSON with sorted keys; empty where the gate does not say how its target is."""
    expected: dict[str, object] = {"boot_id": look.boot_id}
    match action_of(do.action).scope:
        case Scope.POOL:
            told = dict(do.args)
            member = look.member(told["pool"], told["member"])
            if member is None:
                return ""
            expected["pools"] = {subject_of(do.args): {"admin": member.admin}}
        case Scope.ADDRESS:
            held = look.addresses.get(do.look)
            if held is None:
                return ""
            expected["addresses"] = {do.look: {"held": held}}
        case Scope.CLUSTERED:
            name = dict(do.args)["pacemaker"]
            cluster = look.pacemakers.get(name)
            own = cluster.nodes.get(look.node) if cluster is not None else None
            if own is None:
                return ""
            expected["pacemakers"] = {name: {"standby": own.standby}}
        case Scope.DATABASE:
            name = dict(do.args)["database"]
            database = look.databases.get(name)
            if database is None:
                return ""
            lead = {"leader": database.leader, "timeline": database.timeline}
            expected["databases"] = {name: lead}
        case _:
            pass
    return json.dumps(expected, sort_keys=True, separators=(",", ":"))
