"""Lines in and out over two file descriptors, with a limit on length, silence and patience.

A peer that stops reading must not stop a verb, so a write gives up after a few seconds and the
channel then counts as gone.
"""

import os
import select
import time
from dataclasses import dataclass, field
from typing import Protocol

from gate.protocol import LINE_LIMIT
from gate.words import Reason, Unreadable

SILENCE_SECONDS = 60.0
WRITE_SECONDS = 5.0


class Channel(Protocol):
    """Where requests come from and answers go to."""

    def read_line(self) -> bytes | None:
        """Return the next line without its newline; None when the session is over."""
        ...

    def write(self, line: bytes) -> None:
        """Send a line, or lose it if the peer is gone. Never raises."""
        ...


@dataclass(slots=True)
class FdChannel:
    """A channel over descriptors, usually one socket as standard input and output.

    Attributes:
        silence: Seconds without a byte after which the session is over.
    """

    source: int
    sink: int
    silence: float = SILENCE_SECONDS
    _rest: bytes = field(default=b"", init=False)
    _gone: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Make both ends non-blocking; the poll before each call is what waits."""
        os.set_blocking(self.source, False)
        os.set_blocking(self.sink, False)

    def read_line(self) -> bytes | None:
        """Wait for a whole line; None on the end of the stream, on an error and after silence.

        Raises:
            Unreadable: malformed, the line is longer than 64 KiB.
        """
        end = time.monotonic() + self.silence
        while b"\n" not in self._rest:
            if len(self._rest) >= LINE_LIMIT:
                raise Unreadable(Reason.MALFORMED, f"a line is at most {LINE_LIMIT} bytes")
            chunk = self._receive(end)
            if not chunk:
                return None
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        if len(line) >= LINE_LIMIT:
            raise Unreadable(Reason.MALFORMED, f"a line is at most {LINE_LIMIT} bytes")
        return line

    def write(self, line: bytes) -> None:
        """Send all of a line within 5 s, or give the peer up."""
        end = time.monotonic() + WRITE_SECONDS
        while line and not self._gone:
            try:
                line = line[os.write(self.sink, line) :]
            except BlockingIOError:
                self._gone = not _ready(self.sink, select.POLLOUT, end)
            except OSError:
                self._gone = True

    def _receive(self, end: float) -> bytes:
        """Read some bytes; none when there will be no more. The whole line must come before `end`."""
        while _ready(self.source, select.POLLIN, end):
            try:
                return os.read(self.source, LINE_LIMIT)
            except BlockingIOError:
                continue
            except OSError:
                return b""
        return b""


def _ready(fd: int, what: int, end: float) -> bool:
    poll = select.poll()
    poll.register(fd, what)
    return bool(poll.poll(max(0.0, end - time.monotonic()) * 1000))
