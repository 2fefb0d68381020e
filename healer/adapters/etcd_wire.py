"""What is said to etcd v3's JSON gateway and what it answers, as values.

Keys and values travel in base64, numbers of 64 bits as strings, and what is zero or false is left out.
Source: etcd 3.4, Documentation/dev-guide/api_grpc_gateway.md and etcdserver/etcdserverpb/rpc.proto.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key as it is.

    Attributes:
        created: The revision in which it came into being.
        modified: The revision of its last change.
        lease: The lease that it hangs on; 0 for none.
    """

    key: bytes
    value: bytes
    created: int
    modified: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition of a transaction: the key's `created` or `modified` revision is this; 0 for a key that is not."""

    key: bytes
    revision: int
    modified: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key."""

    key: bytes
    value: bytes
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key, or all from `key` up to `end`."""

    key: bytes
    end: bytes = b""


@dataclass(frozen=True, slots=True)
class Get:
    """Read a key, or all from `key` up to `end`, in order.

    Attributes:
        limit: How many at most; 0 for all.
        revision: At which revision; 0 for the newest.
        last: Read the last ones first.
    """

    key: bytes
    end: bytes = b""
    limit: int = 0
    revision: int = 0
    keys_only: bool = False
    last: bool = False


Change = Put | Delete | Get


@dataclass(frozen=True, slots=True)
class Found:
    """What a Get found.

    Attributes:
        revision: etcd's newest, as it was read.
        more: Whether `limit` cut it off.
    """

    kvs: tuple[KeyValue, ...]
    revision: int
    more: bool = False

    def one(self) -> KeyValue | None:
        """Return the only key; None where there is none."""
        return self.kvs[0] if self.kvs else None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a transaction ended.

    Attributes:
        succeeded: Whether all conditions held; only then it changed something.
        found: What each Get of the branch that ran found, in their order.
    """

    succeeded: bool
    revision: int
    found: tuple[Found, ...]


def text(raw: bytes) -> str:
    """Write bytes as the gateway takes them."""
    return b64encode(raw).decode()


def get_body(get: Get) -> dict[str, Any]:
    """Write a Get."""
    body: dict[str, Any] = {"key": text(get.key)}
    if get.end:
        body["range_end"] = text(get.end)
    if get.limit:
        body["limit"] = get.limit
    if get.revision:
        body["revision"] = get.revision
    if get.keys_only:
        body["keys_only"] = True
    if get.last:
        body |= {"sort_order": "DESCEND", "sort_target": "KEY"}
    return body


def txn_body(
    compares: tuple[Compare, ...], then: tuple[Change, ...], otherwise: tuple[Get, ...]
) -> dict[str, Any]:
    """Write a transaction."""
    return {
        "compare": [_compare(one) for one in compares],
        "success": [_change(one) for one in then],
        "failure": [_change(one) for one in otherwise],
    }


def _compare(compare: Compare) -> dict[str, Any]:
    what = "mod_revision" if compare.modified else "create_revision"
    target = "MOD" if compare.modified else "CREATE"
    return {
        "result": "EQUAL",
        "target": target,
        "key": text(compare.key),
        what: str(compare.revision),
    }


def _change(change: Change) -> dict[str, Any]:
    match change:
        case Put(key, value, lease):
            body: dict[str, Any] = {"key": text(key), "value": text(value)}
            return {"request_put": {**body, "lease": str(lease)} if lease else body}
        case Delete(key, end):
            gone = {"key": text(key)}
            return {"request_delete_range": {**gone, "range_end": text(end)} if end else gone}
        case Get():
            return {"request_range": get_body(change)}


def found_of(answer: Json) -> Found:
    """Read the answer to a Get.

    Raises:
        KeyError, ValueError, TypeError: It is none.
    """
    kvs = tuple(_kv(one) for one in answer.get("kvs", ()))
    return Found(kvs, revision_of(answer), bool(answer.get("more", False)))


def answer_of(answer: Json) -> Answer:
    """Read the answer to a transaction.

    Raises:
        KeyError, ValueError, TypeError: It is none.
    """
    found = tuple(
        found_of(one["response_range"])
        for one in answer.get("responses", ())
        if "response_range" in one
    )
    return Answer(bool(answer.get("succeeded", False)), revision_of(answer), found)


def revision_of(answer: Json) -> int:
    """Return etcd's revision as it answered."""
    return int(answer["header"].get("revision", 0))


def _kv(one: Json) -> KeyValue:
    return KeyValue(
        b64decode(one["key"], validate=True),
        b64decode(one.get("value", ""), validate=True),
        int(one["create_revision"]),
        int(one["mod_revision"]),
        int(one.get("lease", 0)),
    )


def after(prefix: bytes) -> bytes:
    """Return the first key behind all that begin with a prefix."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
