"""What node.lock and node.unlock have in common: their arguments, and what must be known before them."""

from gate import compare, owners
from gate.expect import Expect
from gate.strict_json import JsonObject
from gate.verb import Node
from gate.words import Reason, Refused


def node_of(args: JsonObject, expect: Expect, node: Node) -> str:
    """Take `{"owner": OWNER}` and return this node's name.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot; or not_listed.
    """
    if len(args) != 1:
        raise Refused(Reason.BAD_ARGUMENT, 'args: want {"owner": OWNER}')
    owners.from_healer(args.get("owner"))
    if expect.boot_id is None:
        raise Refused(Reason.BAD_ARGUMENT, "expect: want boot_id")
    compare.listed(expect, node.config)
    return node.config.node
