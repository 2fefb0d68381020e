"""etcd's refusals, by what we do next.

Source of the codes: https://grpc.github.io/grpc/core/md_doc_statuscodes.html; of the sentences, etcd 3.4,
etcdserver/api/v3rpc/rpctypes/error.go.
"""

import json
from enum import IntEnum

from healer.errors import ConfigError, HaleError, Refused, StoreFull


class Code(IntEnum):
    """Those of gRPC's status codes that decide something here; any other says nothing certain."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    DENIED = 7
    EXHAUSTED = 8
    PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNAUTHENTICATED = 16


class Undecided(Exception):
    """This member says nothing certain: ask another, or again."""


class SignInAgain(Exception):
    """The token is not good any more; the request was not looked at."""


class TooLarge(HaleError):
    """The answer would be too large for the gateway: ask for less."""


def refusal(where: str, body: bytes) -> Exception:
    """Return the error for an answer that is not a success.

    Args:
        where: The URL, for the message.
        body: Of the answer.
    """
    try:
        told = json.loads(body)
        told = told["error"] if isinstance(told.get("error"), dict) else told
        code, said = int(told.get("code", told.get("grpc_code", 0))), str(told.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Undecided(f"{where}: {body[:200]!r}")
    if "larger than max" in said:
        return TooLarge(f"{where}: {said}")
    if code == Code.UNAUTHENTICATED or "revision of auth store is old" in said:
        return SignInAgain(f"{where}: {said}")
    if "user name is empty" in said:
        return ConfigError(f"{where}: {said}: etcd has users: set healer.store.etcd.user")
    match code:
        case Code.EXHAUSTED if "space exceeded" in said:
            return StoreFull(
                f"{where}: {said}: compact and defragment etcd, then disarm the alarm NOSPACE"
            )
        case Code.DENIED:
            return ConfigError(f"{where}: {said}: the user may not read and write below the prefix")
        case Code.NOT_FOUND:
            return Refused("not_found", f"{where}: {said}")
        case Code.PRECONDITION:
            return Refused("precondition", f"{where}: {said}")
        case Code.OUT_OF_RANGE:
            return Refused("compacted", f"{where}: {said}")
        case Code.INVALID_ARGUMENT:
            return Refused("invalid", f"{where}: {said}")
        case _:
            return Undecided(f"{where}: {said or body[:200]!r}")
