"""Every line that the gate writes, as bytes with its newline.

Keys that a reader may rely on are always there, null where there is nothing to say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gate import pacemaker
from gate.holds import Hold
from gate.ids import ActionId, Token
from gate.machine import Machine
from gate.mark import one_as_json
from gate.patroni import Sight
from gate.protocol import LINE_LIMIT, VERSION
from gate.restores import Proof
from gate.seen import (
    AddressSeen,
    BackupSeen,
    FileSystemSeen,
    MarkSeen,
    PlaceSeen,
    PoolSeen,
    PowerSeen,
    Seen,
)
from gate.strict_json import Json, JsonObject
from gate.units import Seen as UnitSeen
from gate.words import Outcome, Reason, Refused, State


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to hello.

    Attributes:
        ledger_id: None when the ledger cannot be read; every verb is refused until that is repaired.
        seen: One entry for each name asked for; None where it is not listed or could not be read.
        marks: All that stand on this node; None where they cannot be read.
    """

    cluster: str
    node: str
    boot_id: str
    ledger_id: str | None
    highest_token: Token | None
    nonce: str
    holds: tuple[Hold, ...]
    seen: Mapping[str, Seen | None]
    marks: tuple[MarkSeen, ...] | None = ()


def welcome(answer: Welcome) -> bytes:
    """Write the answer to hello.

    If so much was asked for that it does not fit one line, everything seen is answered null, and
    then the marks too: unknown is safe, half a line is not.
    """
    highest = answer.highest_token
    body: JsonObject = {
        "v": VERSION,
        "cluster": answer.cluster,
        "node": answer.node,
        "boot_id": answer.boot_id,
        "ledger_id": answer.ledger_id,
        "highest_token": None if highest is None else [highest.era, highest.term],
        "nonce": answer.nonce,
        "holds": [{"reason": hold.reason, "until": hold.until} for hold in answer.holds],
        "marks": None if answer.marks is None else [_mark(one) for one in answer.marks],
        "seen": {name: _seen(found) for name, found in answer.seen.items()},
    }
    line = _line(body)
    if len(line) <= LINE_LIMIT:
        return line
    nothing: Json = dict.fromkeys(answer.seen)
    for less in ({"seen": nothing}, {"seen": nothing, "marks": None}):
        line = _line(body | less)
        if len(line) <= LINE_LIMIT:
            return line
    return _line(body | {"seen": {}, "marks": None})


def begun(action: ActionId) -> bytes:
    """Say that the action is durable and now begins."""
    return _line({"v": VERSION, "id": str(action), "state": State.BEGUN})


def last(action: ActionId | None, outcome: Outcome, settled: Outcome | None = None) -> bytes:
    """Write the last line about a request; `settled` only for action.settle."""
    body: JsonObject = {"v": VERSION, "id": None if action is None else str(action)}
    body |= _outcome(outcome)
    if settled is not None:
        body["settled"] = _outcome(settled)
    return _line(body)


def refusal(refused: Refused, boot_id: str | None = None) -> Outcome:
    """Turn a refusal into the outcome that is sent."""
    return Outcome(State.REFUSED, refused.reason, refused.detail, boot_id=boot_id)


def unreachable(detail: str) -> bytes:
    """Say, from the carrying side, that no gate answers; in the shape of any other refusal."""
    return last(None, Outcome(State.REFUSED, Reason.UNREACHABLE, detail))


def _outcome(outcome: Outcome) -> JsonObject:
    return {
        "state": outcome.state,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "started_at": outcome.started_at,
        "ended_at": outcome.ended_at,
        "boot_id": outcome.boot_id,
    }


def _seen(seen: Seen | None) -> Json:
    match seen:
        case None:
            return None
        case AddressSeen(address, held):
            return {"kind": "address", "address": address, "held": held}
        case PoolSeen(members):
            return {
                "kind": "pool",
                "members": {
                    name: {
                        "admin": one.admin,
                        "operational": one.operational,
                        "sessions": one.sessions,
                    }
                    for name, one in members.items()
                },
            }
        case FileSystemSeen(size, available, device):
            return {
                "kind": "filesystem",
                "size_bytes": size,
                "available_bytes": available,
                "device": device,
            }
        case Machine(fleet_lock_id, reboot_required):
            return {
                "kind": "machine",
                "fleet_lock_id": fleet_lock_id,
                "reboot_required": reboot_required,
            }
        case Sight():
            return _database(seen)
        case pacemaker.Sight():
            return _pacemaker(seen)
        case PlaceSeen(homeless):
            return {"kind": "place", "homeless": list(homeless)}
        case PowerSeen(state, why):
            return {"kind": "power", "state": state, "reading": why}
        case BackupSeen(proof, changed, seen_at):
            return {
                "kind": "backup",
                "proven": None if proof is None else _proof(proof),
                "newest_change_at": changed,
                "newest_change_seen_at": seen_at,
            }
        case UnitSeen():
            return _unit(seen)


def _unit(seen: UnitSeen) -> JsonObject:
    unit = seen.unit
    return {
        "kind": "unit",
        "load_state": unit.load_state,
        "active_state": unit.active_state,
        "sub_state": unit.sub_state,
        "result": unit.result,
        "invocation_id": unit.invocation_id,
        "restarts": unit.restarts,
        "state_age_seconds": seen.state_age_seconds,
        "job": unit.job,
        "reverse_dependencies": list(seen.reverse_dependencies),
    }


def _database(seen: Sight) -> JsonObject:
    return {
        "kind": "database",
        "leader": seen.leader,
        "timeline": seen.timeline,
        "paused": seen.paused,
        "synchronous": seen.synchronous,
        "members": {
            name: {
                "role": one.role,
                "state": one.state,
                "timeline": one.timeline,
                "lag_bytes": one.lag_bytes,
                "barred": one.barred,
            }
            for name, one in seen.members.items()
        },
    }


def _pacemaker(seen: pacemaker.Sight) -> JsonObject:
    return {
        "kind": "pacemaker",
        "quorum": seen.quorum,
        "maintenance": seen.maintenance,
        "fencing": list(seen.fencing),
        "nodes": {
            name: {
                "online": one.online,
                "standby": one.standby,
                "unclean": one.unclean,
                "able": one.able,
            }
            for name, one in seen.nodes.items()
        },
        "resources": {
            name: {
                "nodes": list(one.nodes),
                "managed": one.managed,
                "failed": one.failed,
                "blocked": one.blocked,
            }
            for name, one in seen.resources.items()
        },
        "failures": [
            {
                "resource": resource,
                "node": node,
                "count": one.count,
                "last": one.last,
                "age_seconds": one.age_seconds,
            }
            for (resource, node), one in sorted(seen.failures.items())
        ],
    }


def _proof(proof: Proof) -> JsonObject:
    return {
        "snapshot": proof.snapshot,
        "snapshot_at": proof.snapshot_at,
        "proved_at": proof.proved_at,
        "newest_record_at": proof.newest_record_at,
    }


def _mark(seen: MarkSeen) -> JsonObject:
    return one_as_json(seen.mark) | {"applied": seen.applied}


def _line(body: JsonObject) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("ascii") + b"\n"
