"""HAProxy's server-state-file: which members it starts with as drained. Replaced as a whole, so never half read."""

import os
from collections.abc import Set
from pathlib import Path

Key = tuple[str, str]
"""Backend and server."""

LIMIT = 8 * 1024 * 1024
"""Characters; what is longer is not ours."""


def save(path: str, text: str) -> None:
    """Replace the file, durably.

    Raises:
        OSError: the old one or the new one is there.
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
    # A mark is dropped after this. A power cut must not bring back a file that still has its member.
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def names(path: str) -> set[Key]:
    """Return whom the file has; nobody where there is none.

    Raises:
        OSError: it cannot be read, is a link, or is too long to be ours.
    """
    return {key for line in _lines(path) if (key := _key(line)) is not None}


def leave_out(path: str, gone: Set[Key]) -> None:
    """Take members out of the file, without asking HAProxy. Nothing is written where it has none of them.

    Raises:
        OSError: as `names` and `save`; HAProxy's next start may have them drained.
    """
    lines = _lines(path)
    rest = [line for line in lines if _key(line) not in gone]
    if rest != lines:
        save(path, "".join(f"{line}\n" for line in rest))


def _lines(path: str) -> list[str]:
    try:
        # A link is not followed: what it leads to would be copied into a file that anybody may read.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return []
    with os.fdopen(fd, encoding="utf-8", errors="replace") as file:
        text = file.read(LIMIT + 1)
    if len(text) > LIMIT:
        raise OSError(f"{path} is longer than {LIMIT} characters")
    return [line for line in text.split("\n") if line]


def _key(line: str) -> Key | None:
    """Return whom a line is about; it begins with be_id, be_name, srv_id and srv_name."""
    fields = line.split(" ")
    return (fields[1], fields[3]) if len(fields) > 3 and line[0] != "#" else None
