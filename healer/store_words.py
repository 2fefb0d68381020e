"""The command `store status`: how the store is, asked of the store itself, whether a healer runs here or not."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from healer import settings as cluster_yml
from healer.adapters.etcd_status import Member
from healer.adapters.store_status import StoreStatus, read_status
from healer.clock import SystemClock
from healer.errors import HaleError
from healer.instants import rfc3339
from healer.plain import printable
from healer.text import columns, pairs

OK, NO, WRONG = 0, 1, 2


def run(args: argparse.Namespace) -> int:
    """Print how the store is; return 0, 1 where nobody can lead on it, 2 where there is none."""
    try:
        found = asyncio.run(status(args.config))
    except HaleError as error:
        if args.output == "json":
            print(json.dumps({"reason": "configuration", "detail": str(error)}, indent=2))
        else:
            print(f"hale-healer: {error}", file=sys.stderr)
        return WRONG
    print(json.dumps(as_json(found), indent=2) if args.output == "json" else as_text(found))
    return NO if found.problem else OK


async def status(config: Path) -> StoreStatus:
    """Read cluster.yml, and how its store is.

    Raises:
        ConfigError: One of them is not there or not as it should be.
    """
    return await read_status(cluster_yml.read(config).store, SystemClock())


def as_json(found: StoreStatus) -> dict[str, object]:
    """Return the status as JSON has it."""
    return {**asdict(found), "since": rfc3339(found.since)}


def as_text(found: StoreStatus) -> str:
    """Return the status as people read it."""
    left = found.lease_left_seconds
    rows: list[tuple[str, object]] = [
        ("store", f"{found.kind}, {found.where}"),
        ("problem", found.problem or "none"),
        ("leader", found.leader or "nobody"),
        ("since", rfc3339(found.since)),
        ("lease left", None if left is None else f"{left:.1f} s"),
        ("era", found.era),
        ("term", found.term),
        ("seq", found.seq),
        ("records", found.records),
        ("bytes", found.bytes),
        ("open incidents", found.open_incidents),
    ]
    told = pairs(rows)
    return f"{told}\n\n{_members(found.members)}" if found.members else told


def _members(members: tuple[Member, ...]) -> str:
    heads = ("MEMBER", "VERSION", "ETCD'S LEADER", "BYTES", "IN USE", "PROBLEM")
    return columns(heads, (_row(one) for one in members))


def _row(one: Member) -> tuple[object, ...]:
    if one.version is None:
        return one.url, "-", "-", "-", "-", printable(one.problem)
    leads = "yes" if one.leads else "no"
    return (
        one.url,
        printable(one.version),
        leads,
        one.size_bytes,
        one.used_bytes,
        printable(one.problem) or "-",
    )
