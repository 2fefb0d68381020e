"""What the verbs of Pacemaker have in common: their arguments, and what must be known before them."""

from gate import compare, owners, pacemaker
from gate.clock import NANO
from gate.expect import Expect
from gate.pacemaker import Sight, Unanswered
from gate.pacemaker_rule import PacemakerRule
from gate.strict_json import JsonObject
from gate.verb import Job, Node
from gate.words import Reason, Refused


def name_of(args: JsonObject, expect: Expect, node: Node, other: str) -> str:
    """Take `{"pacemaker": NAME}` and one key besides, and return the name.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot or the cluster; or not_listed.
    """
    name = args.get("pacemaker")
    if not isinstance(name, str) or set(args) != {"pacemaker", other}:
        raise Refused(Reason.BAD_ARGUMENT, f"args: want pacemaker, {other} and nothing else")
    if name not in node.config.pacemakers:
        raise Refused(Reason.NOT_LISTED, f"{name[:80]!r} is not listed in gate.json")
    known = expect.pacemakers.get(name)
    if expect.boot_id is None or known is None or known.standby is None:
        raise Refused(
            Reason.BAD_ARGUMENT, f"expect: want boot_id and pacemakers with standby of {name}"
        )
    compare.listed(expect, node.config)
    return name


def marked(args: JsonObject, expect: Expect, node: Node) -> str:
    """Take `{"pacemaker": NAME, "owner": OWNER}` and return the name.

    Raises:
        Refused: as `name_of`.
    """
    name = name_of(args, expect, node, "owner")
    owners.from_healer(args.get("owner"))
    return name


def rule_of(job: Job) -> PacemakerRule:
    """Return the cluster of a mark."""
    return job.node.config.pacemakers[job.target]


def sight_of(rule: PacemakerRule, node: Node) -> Sight:
    """Look at the cluster.

    Raises:
        Unanswered: that cannot be read.
    """
    return pacemaker.look(rule, node.programs, node.clock.wall() / NANO)


def calm(name: str, node: Node) -> Sight:
    """Insist that Pacemaker decides here, and is not at work on something worse.

    Raises:
        Refused: changed where it cannot be read, maintenance_mode, no_quorum, fencing_pending or node_unclean.
    """
    rule = node.config.pacemakers[name]
    try:
        sight = sight_of(rule, node)
    except Unanswered as error:
        raise Refused(Reason.CHANGED, f"{name} cannot be read: {error}") from error
    own = sight.nodes.get(rule.member)
    if sight.maintenance or own is None or own.maintenance:
        raise Refused(
            Reason.MAINTENANCE_MODE, f"a person told Pacemaker of {name} to leave everything alone"
        )
    if not sight.quorum:
        raise Refused(Reason.NO_QUORUM, f"{name} has no quorum, so Pacemaker decides nothing")
    if sight.fencing:
        raise Refused(Reason.FENCING_PENDING, f"Pacemaker is fencing {', '.join(sight.fencing)}")
    unclean = sorted(one for one, seen in sight.nodes.items() if seen.unclean)
    if unclean:
        raise Refused(
            Reason.NODE_UNCLEAN, f"nobody knows what {', '.join(unclean)} does; Pacemaker fences it"
        )
    return sight
