"""Run one program to its end. There is no shell: argv comes from backup.json or from constants."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.words import Failed, Reason


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a program runs as, in place of root."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def account(name: str) -> Account:
    """Look a user up.

    Raises:
        Failed: no_tool; there is no such user.
    """
    try:
        seen = pwd.getpwnam(name)
    except KeyError:
        raise Failed(Reason.NO_TOOL, f"there is no user {name}") from None
    groups = tuple(os.getgrouplist(name, seen.pw_gid))
    return Account(seen.pw_uid, seen.pw_gid, groups)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program: its exit status, negative for a signal, and what it said."""

    code: int
    out: bytes
    err: bytes

    @property
    def last_line(self) -> str:
        """The last line that says something, for people."""
        both = (self.err or self.out).decode("utf-8", "replace")
        lines = [line.strip() for line in both.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "no output"


def run(
    argv: Sequence[str],
    environment: Mapping[str, str] | None = None,
    source: Path | None = None,
    target: Path | None = None,
    account: Account | None = None,
) -> Ran:
    """Run a program; its time is bounded by the unit that we run in.

    Args:
        argv: What to run.
        environment: Variables beside PATH and the language.
        source: A file for its standard input; None for nothing.
        target: A file that gets its standard output in place of `Ran.out`.
        account: Whom it runs as; None for whom we run as.

    Raises:
        Failed: no_tool; there is no such program, or it may not be run.
    """
    with ExitStack() as files:
        stdin = files.enter_context(Path(source or os.devnull).open("rb"))
        kept = None if target is None else files.enter_context(target.open("wb"))
        try:
            done = subprocess.run(
                list(argv),
                stdin=stdin,
                stdout=kept or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=variables(environment),
                check=False,
                **_as(account),
            )
        except OSError as error:
            raise Failed(Reason.NO_TOOL, f"{argv[0]}: {error}") from error
    return Ran(done.returncode, done.stdout or b"", done.stderr)


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every program that we run."""
    plain = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    home = {"HOME": os.environ.get("HOME", "/root")}
    return {**plain, **home, **(more or {})}


def start(argv: Sequence[str], log: Path, account: Account) -> "subprocess.Popen[bytes]":
    """Start a program that goes on; whoever starts it stops it.

    Args:
        argv: What to run.
        log: Where its output goes.
        account: Whom it runs as.

    Raises:
        Failed: no_tool; there is no such program, or it may not be run.
    """
    with log.open("wb") as out:
        try:
            return subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=variables(),
                **_as(account),
            )
        except OSError as error:
            raise Failed(Reason.NO_TOOL, f"{argv[0]}: {error}") from error


def _as(account: Account | None) -> dict[str, Any]:
    # Its directory is one that everybody may be in; ours may be closed to it.
    if account is None:
        return {}
    return {
        "user": account.uid,
        "group": account.gid,
        "extra_groups": account.groups,
        "cwd": "/",
    }
