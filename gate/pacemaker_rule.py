"""A Pacemaker cluster of gate.json: which nodes are its members, and which of its resources may be cleaned up."""

from dataclasses import dataclass

from gate import fields
from gate.strict_json import Json

_KEYS = ("member", "members", "resources")


@dataclass(frozen=True, slots=True)
class PacemakerRule:
    """A Pacemaker cluster, of which this node is one.

    Attributes:
        member: This node, as Pacemaker calls it too.
        members: All of its nodes.
        resources: Ids of the resources that pacemaker.cleanup may touch.
    """

    member: str
    members: tuple[str, ...]
    resources: tuple[str, ...]


def pacemaker_rule(value: Json, where: str) -> PacemakerRule:
    """Read one entry of `pacemakers`.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    found = fields.object_at(value, where)
    fields.only(found, _KEYS, where + ".")
    member = fields.name(found.get("member"), f"{where}.member")
    members = fields.texts(found.get("members"), f"{where}.members")
    resources = fields.texts(found.get("resources"), f"{where}.resources")
    for key, names in (("members", members), ("resources", resources)):
        for name in names:
            fields.name(name, f"{where}.{key}")
    if member not in members:
        raise ValueError(f"{where}.members: want {member} among them")
    return PacemakerRule(member, members, resources)
