"""Redis Sentinel by its own commands: who leads, who could, and the one thing that we ever ask of it.

Format: Redis 7.0, <https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>. Who takes over is
Sentinel's own choice, by `replica-priority`, offset and run id; it cannot be told a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gate import resp
from gate.resp import Refusal, Reply, Unanswered, pairs
from gate.sentinel_rule import SentinelRule

ANSWER_SECONDS = 2.0
"""For a whole answer of the Sentinel on this node."""

_GONE = ("s_down", "o_down", "disconnected")


@dataclass(frozen=True, slots=True)
class Member:
    """One Redis of those that a Sentinel watches.

    Attributes:
        role: master or replica, as Sentinel has it.
        reached: Whether this Sentinel reaches it.
        linked: Whether it follows the master now; of the master itself, whether it is reached.
        priority: Sentinel never lets one with 0 take over; None of the master, which Sentinel does not ask.
        offset: How far it has come in the master's stream, up to 10 s ago; None of the master.
    """

    role: str
    reached: bool
    linked: bool
    priority: int | None = None
    offset: int | None = None

    @property
    def able(self) -> bool:
        """Whether Sentinel may let it take over."""
        return self.role == "replica" and self.reached and self.linked and bool(self.priority)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one Sentinel sees.

    Attributes:
        leader: The node with the master; None for one that gate.json does not list.
        epoch: Raised by each failover, so that the same one means that none was between.
        busy: Whether a failover is under way.
        quorum: Whether enough Sentinels are there to agree and to be allowed a failover.
        members: By node. One that Sentinel does not know is not among them.
    """

    leader: str | None
    epoch: int
    busy: bool
    quorum: bool
    members: Mapping[str, Member]

    def able(self) -> tuple[str, ...]:
        """Return those that Sentinel may let take over, sorted."""
        return tuple(sorted(name for name, one in self.members.items() if one.able))


class Sentinel(Protocol):
    """What the gate asks of a Sentinel."""

    def look(self, rule: SentinelRule) -> Sight:
        """Return what the Sentinel of this node sees, or raise Unanswered."""
        ...

    def failover(self, rule: SentinelRule) -> str:
        """Ask for a failover and return what Sentinel says against it, empty for nothing; or raise Unanswered."""
        ...


@dataclass(frozen=True, slots=True)
class RedisSentinel:
    """The Sentinel itself."""

    seconds: float = ANSWER_SECONDS

    def look(self, rule: SentinelRule) -> Sight:
        """Ask for the master, its replicas and the quorum, in one connection.

        Raises:
            Unanswered: it is not there, did not answer within 2 s, does not watch this master, or said something else.
        """
        master, replicas, quorum = self._ask(
            rule,
            ("SENTINEL", "MASTER", rule.master),
            ("SENTINEL", "REPLICAS", rule.master),
            ("SENTINEL", "CKQUORUM", rule.master),
        )
        return parse(master, replicas, quorum, rule.members)

    def failover(self, rule: SentinelRule) -> str:
        """Ask for a failover without the agreement of the others; Sentinel chooses who takes over.

        Returns:
            Sentinel's refusal, as `INPROG ...` or `NOGOODSLAVE ...`; empty where it has begun.

        Raises:
            resp.NotSent: it was not asked.
            Unanswered: it may have begun.
        """
        (said,) = self._ask(rule, ("SENTINEL", "FAILOVER", rule.master))
        if isinstance(said, Refusal):
            return said.text
        if said != "OK":
            raise Unanswered(f"SENTINEL FAILOVER: want OK, got {said!r:.200}")
        return ""

    def _ask(self, rule: SentinelRule, *commands: tuple[str, ...]) -> list[Reply]:
        login = _login(rule)
        replies = resp.ask(rule.address, [*login, *commands], self.seconds)
        if login and isinstance(refused := replies[0], Refusal):
            raise resp.NotSent(f"Sentinel does not take {rule.credentials}: {refused.text}")
        return replies[len(login) :]


def _login(rule: SentinelRule) -> list[tuple[str, ...]]:
    if rule.credentials is None:
        return []
    try:
        with Path(rule.credentials).open(encoding="utf-8") as file:
            user, sign, password = file.read(4096).strip().partition(":")
    except (OSError, ValueError) as error:
        raise resp.NotSent(f"{rule.credentials}: {error}") from error
    if not sign or not password:
        raise resp.NotSent(f"{rule.credentials}: want user:password on one line")
    return [("AUTH", user, password)]


def parse(master: Reply, replicas: Reply, quorum: Reply, nodes: Mapping[str, str]) -> Sight:
    """Read what Sentinel says of a master and of its replicas.

    Args:
        master: Reply to SENTINEL MASTER.
        replicas: Reply to SENTINEL REPLICAS.
        quorum: Reply to SENTINEL CKQUORUM.
        nodes: The address of each node.

    Raises:
        Unanswered: it watches no such master, or answered something else.
    """
    if isinstance(master, Refusal):
        raise Unanswered(f"SENTINEL MASTER: {master.text}")
    if not isinstance(replicas, list):
        raise Unanswered(f"SENTINEL REPLICAS: {replicas!r:.200}")
    names = {address: node for node, address in nodes.items()}
    try:
        found = pairs(master)
        flags = _flags(found)
        leader, members = names.get(found["ip"]), {}
        for row in map(pairs, replicas):
            if (node := names.get(row["ip"])) is not None:
                members[node] = _replica(row)
        if leader is not None:
            reached = not set(_GONE) & flags
            members[leader] = Member("master", reached, reached)
        return Sight(
            leader=leader,
            epoch=int(found["config-epoch"]),
            busy="failover_in_progress" in flags,
            quorum=not isinstance(quorum, Refusal),
            members=members,
        )
    except (KeyError, ValueError) as error:
        raise Unanswered(f"Sentinel's answer cannot be read ({error!r})") from error


def _flags(row: Mapping[str, str]) -> set[str]:
    return set(row["flags"].split(","))


def _replica(row: Mapping[str, str]) -> Member:
    return Member(
        role="replica",
        reached=not set(_GONE) & _flags(row),
        linked=row["master-link-status"] == "ok",
        priority=int(row["slave-priority"]),
        offset=int(row["slave-repl-offset"]),
    )
