"""Files that hold secrets: read only where nobody else could have read or written them.

Rule: one that is not trusted is not read at all, and the message says how to mend it.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from healer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file for root and the healer alone; a group may read it.

    Attributes:
        mend: What makes it one, for the message.
        most_bytes: Longer ones are not what they should be.
        hint: Where to read on when there is none.
    """

    path: Path
    mend: str = "chown root:hale-healer, chmod 640"
    most_bytes: int = 64 * 1024
    hint: str = ""

    def version(self) -> tuple[int, ...] | None:
        """Return what changes when the file does; None where it cannot be looked at."""
        try:
            seen = self.path.stat()
        except OSError:
            return None
        # The mode and the owner decide too, and changing them changes the ctime.
        return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)

    def text(self) -> str:
        """Return what it says.

        Raises:
            ConfigError: It cannot be used; the message says what was seen and what to do.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as exc:
            raise ConfigError(f"{self.path}: {exc.strerror or exc}{self.hint}") from exc
        try:
            self._trusted(os.fstat(handle))
            with os.fdopen(handle, "rb", closefd=False) as file:
                raw = file.read(self.most_bytes + 1)
        except OSError as exc:
            raise ConfigError(f"{self.path}: {exc.strerror or exc}") from exc
        finally:
            os.close(handle)
        if len(raw) > self.most_bytes:
            msg = f"{self.path}: it has more than {self.most_bytes} bytes, so it is something else"
            raise ConfigError(msg)
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            # Its own words would show a part of the secret.
            raise ConfigError(f"{self.path}: it is not UTF-8 at byte {exc.start}") from None

    def _trusted(self, seen: os.stat_result) -> None:
        mode = stat.S_IMODE(seen.st_mode)
        if not stat.S_ISREG(seen.st_mode):
            raise ConfigError(f"{self.path}: it is no plain file")
        if seen.st_uid not in (0, os.geteuid()):
            msg = f"{self.path}: uid {seen.st_uid} owns it, and only root or the healer may"
            raise ConfigError(f"{msg}: {self.mend}")
        if mode & 0o037:
            msg = f"{self.path}: mode {mode:04o} lets others read or change it"
            raise ConfigError(f"{msg}: {self.mend}")
