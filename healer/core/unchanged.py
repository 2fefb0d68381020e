"""How a gate has to find what an action takes or gives back, as it was seen just before; ladders and upkeep ask it."""

from collections.abc import Iterable

from healer.core.actions import Args, Scope, subject_of
from healer.core.look import Look
from healer.core.topology import Pacemaker


def seen_before(scope: Scope, args: Args, name: str, look: Look) -> dict[str, object] | None:
    """Return the part of `expect` about a pool's member, an address or a database; None where the gate does not say.

    Args:
        scope: One of these three.
        args: What the verb is told.
        name: Under which the gate sees an address.
        look: What the gate said.
    """
    told = dict(args)
    match scope:
        case Scope.POOL:
            member = look.member(told["pool"], told["member"])
            return (
                None if member is None else {"pools": {subject_of(args): {"admin": member.admin}}}
            )
        case Scope.ADDRESS:
            held = look.addresses.get(name)
            return None if held is None else {"addresses": {name: {"held": held}}}
        case _:
            database = look.databases.get(told["database"])
            if database is None:
                return None
            lead = {"leader": database.leader, "timeline": database.timeline}
            return {"databases": {told["database"]: lead}}


def serves_nothing(clusters: Iterable[Pacemaker]) -> dict[str, object]:
    """Return the part of `expect` about Pacemaker clusters that lose nothing with a node; empty for none."""
    told = {one.name: {"proven_out": True} for one in clusters}
    return {"pacemakers": told} if told else {}
