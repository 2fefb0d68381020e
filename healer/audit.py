"""The commands `audit verify` and `audit export`: whether a journal was changed, and all that it says."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from healer import settings
from healer.adapters import audit_reading as reading
from healer.adapters.chain import ChainBroken
from healer.adapters.journal_file import StoreSettings
from healer.errors import ConfigError, HaleError

HOLDS, BROKEN, WRONG = 0, 1, 2

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def run(args: argparse.Namespace) -> int:
    """Run one of the two; return its exit status: 0, 1 where the chain is broken, 2 where it cannot be read."""
    works: dict[str, Callable[[argparse.Namespace], None]] = {"verify": _verify, "export": _export}
    try:
        works[args.audit_command](args)
    except ChainBroken as error:
        found = {"holds": False, "seq": error.seq, "expected": error.expected, "found": error.found}
        _complain(args, found | {"detail": str(error)}, str(error))
        return BROKEN
    except HaleError as error:
        _complain(args, {"reason": "configuration", "detail": str(error)}, str(error))
        return WRONG
    return HOLDS


def since(text: str) -> float:
    """Return the epoch seconds that `7d` before now, or RFC 3339, stands for.

    Raises:
        ValueError: It is neither.
    """
    if text[-1:] in UNITS and text[:-1].isdecimal():
        return time.time() - int(text[:-1]) * UNITS[text[-1]]
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("without Z or an offset it is not known which time is meant")
    return at.timestamp()


def _verify(args: argparse.Namespace) -> None:
    path = _path(args)
    found = reading.verify(path)
    if args.output == "json":
        answer = {
            "holds": True,
            "file": str(path),
            "whole": found.whole,
            "records": found.records,
            "pruned": found.pruned,
            "left_out": found.left_out,
            "last_seq": found.last.seq,
            "last_sha256": found.last.sha256,
        }
        print(json.dumps(answer, indent=2))
        return
    less = f", {found.pruned} pruned" if found.pruned else ""
    less += f", {found.left_out} left out" if found.left_out else ""
    what = "the chain holds" if found.whole else "what there is of the chain holds"
    print(f"{path}: {what}: {found.records} records up to seq {found.last.seq}{less}")
    print(f"the last one's sha256 is {found.last.sha256}")


def _export(args: argparse.Namespace) -> None:
    wanted = reading.Wanted(None if args.since is None else _since(args.since), args.incident)
    for line in reading.export(_path(args), wanted):
        # UTF-8 whatever the locale is: it is what was hashed.
        sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def _since(text: str) -> float:
    try:
        return since(text)
    except ValueError as error:
        msg = f"--since {text}: {error}. Write 12h or 7d, or a time as 2026-01-31T22:00:00Z"
        raise ConfigError(msg) from error


def _path(args: argparse.Namespace) -> Path:
    if args.file is not None:
        return Path(args.file)
    store = settings.read(args.config).store
    return store.path if isinstance(store, StoreSettings) else store.history


def _complain(args: argparse.Namespace, fields: dict[str, object], said: str) -> None:
    if args.output == "json" and args.audit_command == "verify":
        print(json.dumps(fields, indent=2))
    else:
        print(f"hale-healer: {said}", file=sys.stderr)
