"""Redis Sentinel by its own commands: who leads, who could, and the one thing that we ever ask of it.

Format: Redis 7.0, <https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>. Who takes over is
Sentinel's own choice, by `replica-priority`, offset and run id; it cannot be told a name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gate import patroni, resp
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
        lag_bytes: How far it was behind when the master last told, up to 10 s ago; None of the master, and unknown.
    """

    role: str
    reached: bool
    linked: bool
    priority: int | None = None
    lag_bytes: int | None = None

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

    @property
    def leader_reached(self) -> bool:
        """Whether the master answers this Sentinel."""
        return self.leader is not None and self.members[self.leader].reached

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
        """Ask for the master, its replicas, the quorum and what they last told, in one connection.

        Raises:
            Unanswered: it is not there, did not answer within 2 s, does not watch this master, or said something else.
        """
        master, replicas, quorum, told = self._ask(
            rule,
            ("SENTINEL", "MASTER", rule.master),
            ("SENTINEL", "REPLICAS", rule.master),
            ("SENTINEL", "CKQUORUM", rule.master),
            ("SENTINEL", "INFO-CACHE", rule.master),
        )
        return parse(master, replicas, quorum, told, rule.members)

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


def parse(
    master: Reply, replicas: Reply, quorum: Reply, told: Reply, nodes: Mapping[str, str]
) -> Sight:
    """Read what Sentinel says of a master and of its replicas.

    Args:
        master: Reply to SENTINEL MASTER.
        replicas: Reply to SENTINEL REPLICAS.
        quorum: Reply to SENTINEL CKQUORUM.
        told: Reply to SENTINEL INFO-CACHE.
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
        leader, members, lags = names.get(found["ip"]), {}, _lags(told)
        for row in map(pairs, replicas):
            if (node := names.get(row["ip"])) is not None:
                members[node] = _replica(row, lags)
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


def _replica(row: Mapping[str, str], lags: Mapping[str, int]) -> Member:
    return Member(
        role="replica",
        reached=not set(_GONE) & _flags(row),
        linked=row["master-link-status"] == "ok",
        priority=int(row["slave-priority"]),
        lag_bytes=lags.get(row["ip"]),
    )


def _lags(told: Reply) -> Mapping[str, int]:
    """Return by address how far each replica is behind, from what the master last said of all of them at once.

    Format: `[name, [[age, INFO], ...]]`, the master's first; INFO has `master_repl_offset:N` and for each
    replica `slaveN:ip=...,port=...,state=online,offset=N,lag=N`.
    """
    match told:
        case [_, [[int(), str(info), *_], *_]] if "\nrole:master" in info:
            pass
        case _:
            return {}
    end = re.search(r"^master_repl_offset:(\d+)", info, re.MULTILINE)
    rows = re.findall(r"^slave\d+:ip=([^,]+),.*?state=online,offset=(\d+)", info, re.MULTILINE)
    return {} if end is None else {ip: max(0, int(end[1]) - int(at)) for ip, at in rows}


def as_database(sight: Sight) -> patroni.Sight:
    """Say in the words that the healer knows of databases what a Sentinel sees; the epoch stands for the timeline."""
    return patroni.Sight(
        leader=sight.leader if sight.leader_reached else None,
        timeline=sight.epoch,
        paused=False,
        synchronous=False,
        scheduled=sight.busy,
        members={
            name: patroni.MemberSeen(
                role="leader" if one.role == "master" else "replica",
                state="running" if one.reached and one.linked else "unreachable",
                timeline=sight.epoch,
                lag_bytes=one.lag_bytes,
                barred=one.priority == 0,
            )
            for name, one in sight.members.items()
        },
    )
