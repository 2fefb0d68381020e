"""A database as its owner has it, which is Patroni or Redis Sentinel, in the same words."""

from gate import patroni, resp, sentinel
from gate.config import Config
from gate.patroni import Sight
from gate.verb import Node


class Unanswered(Exception):  # reads as what happened
    """The owner did not answer, or not as it should."""


def names(config: Config) -> frozenset[str]:
    """Return the databases that gate.json lists, whoever owns them."""
    return frozenset({*config.databases, *config.sentinels})


def sight_of(name: str, node: Node) -> Sight:
    """Look at a database that gate.json lists.

    Raises:
        Unanswered: nothing is known of it.
    """
    try:
        if name in node.config.sentinels:
            return sentinel.as_database(node.sentinel.look(node.config.sentinels[name]))
        return node.patroni.look(node.config.databases[name])
    except (patroni.Unanswered, resp.Unanswered) as error:
        raise Unanswered(str(error)) from error
