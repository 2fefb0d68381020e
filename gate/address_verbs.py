"""What address.decline and address.accept have in common: their arguments."""

from gate import compare, owners
from gate.expect import Expect
from gate.strict_json import JsonObject
from gate.verb import Node
from gate.words import Reason, Refused


def name_of(args: JsonObject, expect: Expect, node: Node) -> str:
    """Take `{"address": NAME, "owner": OWNER}` and return the name.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot or the address; or not_listed.
    """
    name = args.get("address")
    if not isinstance(name, str) or len(args) != 2:
        raise Refused(Reason.BAD_ARGUMENT, 'args: want {"address": NAME, "owner": OWNER}')
    owners.from_healer(args.get("owner"))
    if name not in node.config.addresses:
        raise Refused(Reason.NOT_LISTED, f"{name[:80]!r} is not listed in gate.json")
    if expect.boot_id is None or name not in expect.addresses:
        raise Refused(
            Reason.BAD_ARGUMENT, f"expect: want boot_id and addresses with held of {name}"
        )
    compare.listed(expect, node.config)
    return name
