"""What node.fence and node.unfence have in common: their arguments."""

from gate import compare, owners
from gate.expect import Expect
from gate.strict_json import JsonObject
from gate.verb import Node
from gate.words import Reason, Refused


def name_of(args: JsonObject, expect: Expect, node: Node) -> str:
    """Take `{"node": NAME, "owner": OWNER}` and return the name.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot; or not_listed, also of this node itself.
    """
    name = args.get("node")
    if not isinstance(name, str) or len(args) != 2:
        raise Refused(Reason.BAD_ARGUMENT, 'args: want {"node": NAME, "owner": OWNER}')
    owners.from_healer(args.get("owner"))
    if name not in node.config.fencing:
        raise Refused(Reason.NOT_LISTED, f"{name[:80]!r} is no node that this gate may fence")
    if expect.boot_id is None:
        raise Refused(Reason.BAD_ARGUMENT, "expect: want boot_id, of this node")
    compare.listed(expect, node.config)
    return name
