"""`hale-gate pipe`: carry bytes between sshd and the gate's socket, and know nothing of what they mean."""

import os
import socket
import threading
from pathlib import Path

from gate.replies import unreachable

CHUNK = 65536


def carry(path: Path, source: int, sink: int) -> int:
    """Copy both ways until the gate ends its side; return the exit status.

    The end of `source` is passed on, so that a gate that still works can answer. A `sink` that is
    gone ends the copying; the gate finishes on its own.

    Args:
        path: The gate's socket.
        source: Descriptor to read requests from.
        sink: Descriptor to write answers to.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gate:
        try:
            gate.connect(str(path))
        except OSError as error:
            detail = f"{path}: {error.strerror}. Is hale-gate.socket active on this node?"
            _write(sink, unreachable(detail))
            return 1
        # A daemon thread: when the gate has ended there is nobody left to read requests for.
        threading.Thread(target=_forward, args=(source, gate), name="requests", daemon=True).start()
        while answer := _receive(gate):
            if not _write(sink, answer):
                break
    return 0


def _forward(source: int, gate: socket.socket) -> None:
    try:
        while requests := os.read(source, CHUNK):
            gate.sendall(requests)
        gate.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the gate has ended; the other direction says so


def _receive(gate: socket.socket) -> bytes:
    try:
        return gate.recv(CHUNK)
    except ConnectionError:
        return b""


def _write(sink: int, answer: bytes) -> bool:
    try:
        while answer:
            answer = answer[os.write(sink, answer) :]
    except OSError:
        return False
    return True
