"""What pool.drain and pool.return have in common: their arguments, and what must be known before them."""

from gate import compare, owners
from gate.expect import Expect
from gate.pools import Member, member_of
from gate.strict_json import JsonObject
from gate.verb import Job, Node
from gate.words import Reason, Refused


def subject_of(args: JsonObject, expect: Expect, node: Node) -> str:
    """Take `{"pool": POOL, "member": MEMBER, "owner": OWNER}` and return POOL/MEMBER.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot or the member; or not_listed.
    """
    pool, name = args.get("pool"), args.get("member")
    if not isinstance(pool, str) or not isinstance(name, str) or len(args) != 3:
        raise Refused(
            Reason.BAD_ARGUMENT, 'args: want {"pool": POOL, "member": NAME, "owner": OWNER}'
        )
    owners.from_healer(args.get("owner"))
    member = member_of(node, pool, name)
    if member is None:
        raise Refused(Reason.NOT_LISTED, f"'{pool[:40]}/{name[:40]}' is not listed in gate.json")
    if expect.boot_id is None or member.subject not in expect.pools:
        raise Refused(
            Reason.BAD_ARGUMENT, f"expect: want boot_id and pools with admin of {member.subject}"
        )
    compare.listed(expect, node.config)
    return member.subject


def member(job: Job) -> Member:
    """Return whom the job is about."""
    pool, _, name = job.target.partition("/")
    return Member(pool, name, job.node.config.pools[pool])
