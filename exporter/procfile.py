"""Files of /proc and /sys that are read at every scrape and stay open in between."""

import os
from collections.abc import Callable
from pathlib import Path

from exporter.collector import Absent, Malformed
from exporter.files import MOST_BYTES, opened

# Most files of /proc come in one read of this size; the rest just take another turn.
CHUNK = 64 * 1024
# A number of 64 bits has 20 digits.
VALUE_BYTES = 64


class ProcFile:
    """One such file, opened at its first read and again after an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def read(self) -> bytes:
        """Return the whole file as it is now.

        Raises:
            Absent: The file does not exist.
            Malformed: It has more than 32 MiB.
            OSError: It could not be read; the next call opens it anew.
        """
        return self._asked(self._to_end)

    def read_value(self) -> bytes:
        """Return a file of one value, without the white space around it; nobody has to ask where it ends.

        Raises:
            Absent: The file does not exist.
            Malformed: It has 64 bytes or more, which is more than a value.
            OSError: It could not be read; the next call opens it anew.
        """
        return self._asked(self._value)

    def _asked(self, how: Callable[[int], bytes]) -> bytes:
        try:
            if self._fd is None:
                self._fd = opened(self.path)
            return how(self._fd)
        except FileNotFoundError:
            self.close()
            raise Absent(f"{self.path} does not exist") from None
        except OSError:
            self.close()
            raise

    def _to_end(self, fd: int) -> bytes:
        return _read_to_end(fd, self.path)

    def _value(self, fd: int) -> bytes:
        data = os.pread(fd, VALUE_BYTES, 0)
        if len(data) == VALUE_BYTES:
            raise Malformed(f"{self.path}: wanted one value, saw {data!r}")
        return data.strip()

    def __del__(self) -> None:
        """Leave no descriptor behind when the collector is gone."""
        self.close()

    def close(self) -> None:
        """Let go of the file; a later read opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _read_to_end(fd: int, path: Path) -> bytes:
    first = os.pread(fd, CHUNK, 0)
    parts = [first]
    offset = len(first)
    # Only an empty read is the end: the kernel may hand out less than asked
    # in the middle of a long file.
    while chunk := os.pread(fd, CHUNK, offset):
        parts.append(chunk)
        offset += len(chunk)
        if offset > MOST_BYTES:
            raise Malformed(f"{path}: more than {MOST_BYTES} bytes")
    return b"".join(parts)
