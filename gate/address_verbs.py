"""What address.decline and address.accept have in common: their arguments."""

from gate import compare, owners
from gate.expect import Expect
from gate.mark import DECLINE, Mark
from gate.marks import OWNERS_LIMIT, MarksUnreadable
from gate.strict_json import JsonObject
from gate.verb import Job, Node
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


def owner(job: Job) -> str:
    """Return for whom."""
    return owners.from_healer(job.args["owner"])


def readable(job: Job) -> Mark | None:
    """Insist that the marks are known, and return this address'.

    Raises:
        Refused: marks_unreadable.
    """
    try:
        return job.node.marks.read().get((DECLINE, job.target))
    except MarksUnreadable as error:
        raise Refused(Reason.MARKS_UNREADABLE, str(error)) from error


def room_for_owner(job: Job) -> None:
    """Insist that the marks are known, and that there is room for one more owner.

    Raises:
        Refused: marks_unreadable or too_many_owners.
    """
    mark = readable(job)
    if mark and owner(job) not in mark.owners and len(mark.owners) >= OWNERS_LIMIT:
        raise Refused(Reason.TOO_MANY_OWNERS, f"{job.target} has {len(mark.owners)} owners already")
