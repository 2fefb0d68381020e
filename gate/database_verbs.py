"""What the verbs of a database have in common: their arguments, and what must be known before them."""

from gate import compare
from gate.database_rule import DatabaseRule
from gate.expect import Expect
from gate.patroni import OtherCluster, Own, Sight, Unanswered
from gate.strict_json import JsonObject
from gate.verb import Job, Node
from gate.words import Reason, Refused


def name_of(args: JsonObject, expect: Expect, node: Node, *more: str) -> str:
    """Take `{"database": NAME}` and the keys that the verb has besides, and return the name.

    Raises:
        Refused: bad_argument, also when `expect` lacks the boot or the database; or not_listed.
    """
    name = args.get("database")
    if not isinstance(name, str) or not set(args) <= {"database", *more}:
        wanted = ", ".join(("database", *more))
        raise Refused(Reason.BAD_ARGUMENT, f"args: want {wanted} and nothing else")
    if name not in node.config.databases:
        raise Refused(Reason.NOT_LISTED, f"{name[:80]!r} is not listed in gate.json")
    if expect.boot_id is None or name not in expect.databases:
        raise Refused(
            Reason.BAD_ARGUMENT,
            f"expect: want boot_id and databases with leader and timeline of {name}",
        )
    compare.listed(expect, node.config)
    return name


def rule_of(job: Job) -> DatabaseRule:
    """Return the database."""
    return job.node.config.databases[job.target]


def sight_of(job: Job) -> Sight:
    """Look at the database, once its Patroni has said of which cluster it is.

    Raises:
        Refused: changed, where that cannot be read or is another cluster's.
    """
    try:
        job.node.patroni.own(rule_of(job))
    except OtherCluster as error:
        raise Refused(Reason.CHANGED, f"{job.target}: {error}") from error
    except Unanswered:
        pass  # its PostgreSQL may hang, which a restart mends; then the members' names have to do
    try:
        return job.node.patroni.look(rule_of(job))
    except Unanswered as error:
        raise Refused(Reason.CHANGED, f"{job.target} cannot be read: {error}") from error


def own_of(job: Job) -> Own:
    """Look at this node's own member.

    Raises:
        Refused: as `sight_of`.
    """
    try:
        return job.node.patroni.own(rule_of(job))
    except Unanswered as error:
        raise Refused(Reason.CHANGED, f"{job.target} cannot be read: {error}") from error


def own_or_none(job: Job) -> Own | None:
    """Look at this node's own member; None where that cannot be read."""
    try:
        return job.node.patroni.own(rule_of(job))
    except Unanswered:
        return None
