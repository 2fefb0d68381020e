"""The healer's side of the gate protocol, version 1: values to lines and lines to values.

Format: docs/contracts.md, "The gate protocol". A line that is not exactly that raises ValueError; what this
means depends on when it was heard, which only the session knows.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from healer.core.attempt import Outcome
from healer.core.look import (
    MACHINE,
    POWER,
    BackupLook,
    DatabaseLook,
    DatabaseMember,
    Look,
    MachineLook,
    Mark,
    MemberLook,
    PacemakerLook,
    PacemakerNode,
    ResourceFailures,
    UnitLook,
)
from healer.core.order import Ended, Order, Token

LINE_LIMIT = 64 * 1024
"""Bytes in one line with its newline, in both directions."""

POOL = "pool:"
"""What a pool's name begins with where a gate is asked for it."""

DATABASE = "database:"
"""As POOL, of a database."""

PACEMAKER = "pacemaker:"
"""As POOL, of a Pacemaker cluster."""

LOOK_LIMIT = 256
"""Names that one hello may ask for."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Hold(_Line):
    reason: str
    until: str | None


class _Unit(_Line):
    kind: Literal["unit"]
    load_state: str
    active_state: str
    sub_state: str
    result: str
    invocation_id: str
    restarts: int | None
    state_age_seconds: float | None
    job: bool = False
    reverse_dependencies: list[str]


class _Address(_Line):
    kind: Literal["address"]
    address: str
    held: bool


class _Member(_Line):
    admin: Literal["ready", "drain", "maint"]
    operational: Literal["up", "down", "starting", "stopping"]
    sessions: int


class _Pool(_Line):
    kind: Literal["pool"]
    members: dict[str, _Member]


class _FileSystem(_Line):
    kind: Literal["filesystem"]
    size_bytes: int
    available_bytes: int
    device: str


class _DatabaseMember(_Line):
    role: str
    state: str
    timeline: int | None
    lag_bytes: int | None
    barred: bool


class _Database(_Line):
    kind: Literal["database"]
    leader: str | None
    timeline: int | None
    paused: bool
    synchronous: bool
    members: dict[str, _DatabaseMember]


class _Proven(_Line):
    snapshot: str = Field(min_length=1)
    snapshot_at: str
    proved_at: str
    newest_record_at: str | None


class _Backup(_Line):
    kind: Literal["backup"]
    proven: _Proven | None
    newest_change_at: str | None


class _Machine(_Line):
    kind: Literal["machine"]
    fleet_lock_id: str | None
    reboot_required: bool | None


class _Power(_Line):
    kind: Literal["power"]
    state: Literal["on", "off", "unknown"]
    reading: str


class _PacemakerNode(_Line):
    online: bool
    standby: bool
    unclean: bool
    able: bool


class _Resource(_Line):
    nodes: list[str]
    managed: bool
    failed: bool
    blocked: bool


class _Failures(_Line):
    resource: str
    node: str
    count: int
    last: str
    age_seconds: float | None


class _Pacemaker(_Line):
    kind: Literal["pacemaker"]
    quorum: bool
    maintenance: bool
    fencing: list[str]
    nodes: dict[str, _PacemakerNode]
    resources: dict[str, _Resource]
    failures: list[_Failures]


_Seen = Annotated[
    _Unit | _Address | _Pool | _FileSystem | _Database | _Machine | _Power | _Backup | _Pacemaker,
    Field(discriminator="kind"),
]


class _Mark(_Line):
    mark: str
    subject: str
    owners: list[str]
    since: str
    applied: bool | None


class Welcome(_Line):
    """The answer to hello."""

    v: Literal[1]
    cluster: str
    node: str
    boot_id: str
    ledger_id: str | None
    highest_token: tuple[int, int] | None
    nonce: str = Field(min_length=1)
    holds: list[_Hold]
    marks: list[_Mark] | None
    seen: dict[str, _Seen | None]

    def look(self) -> Look:
        """Return what the guards may know of it."""
        return Look(
            cluster=self.cluster,
            node=self.node,
            boot_id=self.boot_id,
            ledger_id=self.ledger_id or "",
            highest_token=self.highest_token,
            holds=tuple(hold.reason for hold in self.holds),
            units={
                name: _unit(name, seen) if isinstance(seen, _Unit) else None
                for name, seen in self.seen.items()
            },
            pools={
                name.removeprefix(POOL): _members(seen)
                for name, seen in self.seen.items()
                if name.startswith(POOL)
            },
            addresses={
                name: seen.held for name, seen in self.seen.items() if isinstance(seen, _Address)
            },
            disks={
                name: seen.device
                for name, seen in self.seen.items()
                if isinstance(seen, _FileSystem)
            },
            powers={
                name.removeprefix(POWER): seen.state if isinstance(seen, _Power) else None
                for name, seen in self.seen.items()
                if name.startswith(POWER)
            },
            databases={
                name.removeprefix(DATABASE): _database(seen)
                for name, seen in self.seen.items()
                if name.startswith(DATABASE)
            },
            pacemakers={
                name.removeprefix(PACEMAKER): _pacemaker(seen)
                for name, seen in self.seen.items()
                if name.startswith(PACEMAKER)
            },
            marks=None if self.marks is None else tuple(_mark(one) for one in self.marks),
            backups={
                name: _backup(seen) for name, seen in self.seen.items() if isinstance(seen, _Backup)
            },
            machine=_machine(self.seen.get(MACHINE)),
        )


def _machine(seen: object) -> MachineLook | None:
    if not isinstance(seen, _Machine):
        return None
    return MachineLook(seen.fleet_lock_id, seen.reboot_required)


def _backup(seen: _Backup) -> BackupLook:
    proven = seen.proven
    if proven is None:
        return BackupLook(changed_at=seen.newest_change_at)
    return BackupLook(proven.snapshot, proven.snapshot_at, proven.proved_at, seen.newest_change_at)


def _members(seen: _Seen | None) -> dict[str, MemberLook] | None:
    if not isinstance(seen, _Pool):
        return None
    return {
        name: MemberLook(one.admin, one.operational, one.sessions)
        for name, one in seen.members.items()
    }


def _database(seen: _Seen | None) -> DatabaseLook | None:
    if not isinstance(seen, _Database):
        return None
    members = {
        name: DatabaseMember(one.role, one.state, one.timeline, one.lag_bytes, one.barred)
        for name, one in seen.members.items()
    }
    return DatabaseLook(seen.leader, seen.timeline, seen.paused, seen.synchronous, members)


def _pacemaker(seen: _Seen | None) -> PacemakerLook | None:
    if not isinstance(seen, _Pacemaker):
        return None
    return PacemakerLook(
        quorum=seen.quorum,
        maintenance=seen.maintenance,
        fencing=tuple(seen.fencing),
        nodes={
            name: PacemakerNode(one.online, one.standby, one.unclean, one.able)
            for name, one in seen.nodes.items()
        },
        running={name: tuple(one.nodes) for name, one in seen.resources.items()},
        failures=tuple(
            ResourceFailures(one.resource, one.node, one.count, one.last, one.age_seconds)
            for one in seen.failures
        ),
        movable=frozenset(
            name for name, one in seen.resources.items() if one.managed and not one.blocked
        ),
    )


def _mark(one: _Mark) -> Mark:
    return Mark(one.mark, one.subject, tuple(one.owners), one.applied)


def _unit(name: str, unit: _Unit) -> UnitLook:
    return UnitLook(
        unit=name,
        load_state=unit.load_state,
        active_state=unit.active_state,
        sub_state=unit.sub_state,
        result=unit.result,
        invocation_id=unit.invocation_id,
        restarts=unit.restarts or 0,
        age_seconds=unit.state_age_seconds,
        job=unit.job,
        reverse_dependencies=tuple(unit.reverse_dependencies),
    )


class Settled(_Line):
    """How a settled action stands."""

    state: Literal["done", "failed", "refused", "unknown", "voided", "running"]
    reason: str
    detail: str
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None

    def ended(self) -> Ended | None:
        """Return how it ended; None while it runs."""
        if self.state == "running":
            return None
        if self.state == "voided":
            return Ended(Outcome.NOT_SENT, self.reason or "voided", self.detail)
        return Ended(Outcome(self.state), self.reason, self.detail)


class Answer(_Line):
    """One line about a request.

    Attributes:
        id: None where the gate could not read which request it was.
    """

    v: Literal[1]
    id: str | None
    state: Literal["begun", "done", "failed", "refused", "unknown"]
    reason: str = ""
    detail: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None
    settled: Settled | None = None

    def ended(self) -> Ended:
        """Return the end that this line tells; only for a state other than begun."""
        return Ended(Outcome(self.state), self.reason, self.detail)


def hello(names: tuple[str, ...]) -> bytes:
    """Ask who is there and what those names are like.

    Raises:
        ValueError: More was asked for than one line holds.
    """
    if len(names) > LOOK_LIMIT:
        msg = f"{len(names)} names to look at, a gate answers {LOOK_LIMIT} at most"
        raise ValueError(msg)
    return _line({"v": 1, "hello": True, "look": list(names)})


def request(order: Order, *, cluster: str, token: Token, nonce: str) -> bytes:
    """Ask for a verb.

    Raises:
        ValueError: `order.expect` is not a JSON object, or the line is too long.
    """
    expect = json.loads(order.expect or "{}")
    if not isinstance(expect, dict):
        msg = f"expect of {order.action_id} is not a JSON object: {order.expect[:80]}"
        raise ValueError(msg)
    return _line(
        {
            **_addressed(order.action_id, order.node, cluster, token, nonce),
            "verb": order.verb,
            "args": dict(order.args),
            "expect": expect,
            "deadline_seconds": order.deadline_seconds,
        }
    )


def settle(action_id: str, *, node: str, cluster: str, token: Token, nonce: str) -> bytes:
    """Ask how an action ended."""
    return _line(
        {
            **_addressed(settle_id(token), node, cluster, token, nonce),
            "verb": "action.settle",
            "args": {"id": action_id},
            "expect": {},
        }
    )


def settle_id(token: Token) -> str:
    """Return the id of every settle: the token's number 0, which no action has.

    Settling leaves no entry of its own in the ledger, so that its id may come again.
    """
    return f"{token.era}.{token.term}.0"


def _addressed(action_id: str, node: str, cluster: str, token: Token, nonce: str) -> dict[str, Any]:
    return {
        "v": 1,
        "nonce": nonce,
        "id": action_id,
        "token": [token.era, token.term],
        "store": token.store,
        "cluster": cluster,
        "node": node,
    }


def _line(body: dict[str, Any]) -> bytes:
    line = json.dumps(body, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > LINE_LIMIT:
        msg = f"a line of {len(line)} bytes, a gate takes {LINE_LIMIT} at most"
        raise ValueError(msg)
    return line


def welcome_of(line: bytes) -> Welcome:
    """Read the answer to hello.

    Raises:
        ValueError: It is something else; a gate's refusal is quoted.
    """
    try:
        return Welcome.model_validate_json(line)
    except ValueError as error:
        refusal = _refusal_in(line)
        if refusal is None:
            raise
        msg = f"the gate said {refusal.state} {refusal.reason}: {refusal.detail}"
        raise ValueError(msg) from error


def _refusal_in(line: bytes) -> Answer | None:
    try:
        return Answer.model_validate_json(line)
    except ValueError:
        return None


def answer_of(line: bytes, action_id: str) -> Answer:
    """Read one line about a request.

    Raises:
        ValueError: It is something else, or about another request.
    """
    answer = Answer.model_validate_json(line)
    if answer.id is None and answer.state == "refused" and answer.reason != "unreachable":
        return answer  # the gate could not even read the id, so it touched nothing
    if answer.id != action_id:
        msg = f"the answer is about {answer.id!r}, the request was {action_id!r}"
        raise ValueError(msg)
    return answer
