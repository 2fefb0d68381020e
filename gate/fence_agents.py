"""fence-agents' protocol: a program that cuts a node's power, switches it on, or says how it is.

Format: ClusterLabs fence-agents, doc/FenceAgentAPI.md and lib/fencing.py.py (4.12.1). Options are name=value lines on
standard input, the last of two of a name counts; `status` ends with 0 where the power is on, with 2 where it is off,
with anything else where that is not known. A shell ends with 2 where it cannot read its script, so the line that
fence-agents print as well has to say the same: nothing is off on an exit status alone.

Rule: what the agent prints may hold its secrets. It is shown only where none of them is in it.
"""

import base64
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

from gate.listed import FENCE_OPTION, FenceRule
from gate.process import NotStarted, Ran

ON, OFF, UNKNOWN = "on", "off", "unknown"
_OFF_STATUS = 2
_STATUS = re.compile(rb"^\s*status:\s*(on|off)\s*$", re.IGNORECASE | re.MULTILINE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{4,}")
SECRETS_BYTES = 4096
"""Far less than a pipe holds: what an agent is told is written before it runs."""

NOT_SECRET = frozenset({"action", "option", "nodename", "plug", "port", "method"})
"""Options that a file of secrets may not have: it comes after the node's own, and the last of two counts."""

Programs = Callable[..., Ran]


class SecretsUnreadable(Exception):  # reads as what happened
    """The file of secrets is missing, open to others or wrong. The agent was not started."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a node's power is.

    Attributes:
        state: on, off or unknown.
        why: What is said for it, or why it is unknown; never a secret.
    """

    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """How an agent ended.

    Attributes:
        code: Exit status; negative for a signal; None where its time was up.
        line: Its last line, or that it is not shown.
    """

    code: int | None
    line: str


def switch(rule: FenceRule, action: str, seconds: float, programs: Programs) -> Said:
    """Have a node's power cut (`off`) or switched on (`on`).

    Raises:
        SecretsUnreadable, NotStarted: nothing was asked of the device.
    """
    ran, secrets = _run(rule, action, seconds, programs)
    return Said(ran.code, _shown(ran, secrets))


def read(rule: FenceRule, seconds: float, programs: Programs) -> Reading:
    """Ask how a node's power is. Never raises: what cannot be asked is unknown."""
    try:
        ran, secrets = _run(rule, "status", min(seconds, rule.status_seconds), programs)
    except (SecretsUnreadable, NotStarted) as error:
        return Reading(UNKNOWN, str(error))
    if ran.code is None:
        return Reading(UNKNOWN, f"{rule.agent} did not say within {rule.status_seconds:g} s")
    words = {word.lower().decode("ascii") for word in _STATUS.findall(ran.output)}
    state = {0: ON, _OFF_STATUS: OFF}.get(ran.code)
    if state is not None and words == {state}:
        return Reading(state, f"{rule.device} says {state}")
    said = f"{rule.agent} ended with {ran.code}"
    return Reading(UNKNOWN, f"{said}: {_shown(ran, secrets)}")


def _run(
    rule: FenceRule, action: str, seconds: float, programs: Programs
) -> tuple[Ran, tuple[str, ...]]:
    hidden = _secrets(rule.secrets)
    # The action comes last, so that nothing before it can be another one.
    lines = [*rule.options, *hidden, ("action", action)]
    told = "".join(f"{name}={value}\n" for name, value in lines).encode()
    return programs((rule.agent,), seconds, told=told), tuple(value for _, value in hidden)


def _shown(ran: Ran, secrets: tuple[str, ...]) -> str:
    if any(secret in text for text in _readings(ran.output) for secret in secrets):
        return "its output is not shown, for a secret is in it"
    return ran.last_line


def _readings(output: bytes) -> Iterator[str]:
    """Yield what was printed: plainly, as of a URL, and as of base64, in which Basic authentication sends passwords."""
    text = output.decode("utf-8", "replace")
    yield text
    yield unquote_plus(text)
    for word in _BASE64.findall(output):
        for at in range(4):  # where it begins nobody knows: a word before it may run into it
            yield _plain(word[at:])


def _plain(word: bytes) -> str:
    whole = word[: len(word) - (len(word) % 4 == 1)]  # no text has one letter over
    return base64.urlsafe_b64decode(whole + b"=" * (-len(whole) % 4)).decode("utf-8", "replace")


def _secrets(path: str | None) -> tuple[tuple[str, str], ...]:
    """Read the options that only this node may know."""
    if path is None:
        return ()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SecretsUnreadable(f"{path}: {error.strerror}") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise SecretsUnreadable(f"{path}: want a plain file of root's alone: chmod 600")
        text = os.read(fd, SECRETS_BYTES + 1)
    except OSError as error:
        raise SecretsUnreadable(f"{path}: {error.strerror}") from error
    finally:
        os.close(fd)
    if len(text) > SECRETS_BYTES:
        raise SecretsUnreadable(f"{path}: want at most {SECRETS_BYTES} bytes")
    return tuple(_options(text, path))


def _options(text: bytes, path: str) -> list[tuple[str, str]]:
    """Take name=value lines; what is wrong is told by its number, never by its text."""
    found = []
    try:
        lines = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SecretsUnreadable(f"{path}: want UTF-8") from error
    for number, line in enumerate(lines, 1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        name, equals, value = plain.partition("=")
        if not equals or not value or not FENCE_OPTION.fullmatch(name):
            raise SecretsUnreadable(f"{path}: line {number}: want name=value")
        if name.replace("_", "-") in NOT_SECRET:
            raise SecretsUnreadable(
                f"{path}: line {number}: {name} says what is cut, or how, for every node; it belongs into cluster.yml"
            )
        found.append((name, value))
    return found
