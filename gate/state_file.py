"""HAProxy's server-state-file, replaced as a whole so that HAProxy never reads half of it."""

import os
from pathlib import Path


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
