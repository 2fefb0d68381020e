"""HAProxy's server-state-file, replaced as a whole so that HAProxy never reads half of it."""

import os
from collections.abc import Set
from pathlib import Path

SERVER, NAME = 1, 3
"""Where a line has the names of backend and server (HAProxy's management guide, `show servers state`)."""


def prune(path: str, servers: Set[tuple[str, str]]) -> bool:
    """Leave only lines about these servers, each as backend and name; say whether any other was there.

    Raises:
        OSError: the old one is still there.
    """
    try:
        lines = Path(path).read_text("utf-8", errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return False
    kept = [line for line in lines if _stays(line.split(), servers)]
    if kept != lines:
        save(path, "".join(kept))
    return kept != lines


def _stays(words: list[str], servers: Set[tuple[str, str]]) -> bool:
    if words[:1] == ["#"] or len(words) <= NAME:
        return True  # the names of the columns, the version of the format
    return (words[SERVER], words[NAME]) in servers


def save(path: str, text: str) -> None:
    """Replace the file. It survives a crash of ours, and reapply mends what a power cut takes.

    Raises:
        OSError: the old one is still there.
    """
    target = Path(path)
    new = target.with_name(f".{target.name}.hale")
    new.unlink(missing_ok=True)
    # O_EXCL: in a directory that is not only ours, nothing that somebody laid there is written to.
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)
