"""File systems that take every question and answer none until they are told to: FUSE, as a filer that died.

    python hung_mounts.py [--here | --of PID] DIRECTORY...

It runs as root in a mount namespace of its own, so nothing of it is left when it and whoever joined it have ended; with
`--here` the mounts are everybody's, with `--of` those of that process's namespace, and left to be unmounted. Its end
also ends every wait for it. On stdin `answer` and `hang` switch it over; each is repeated on stdout when done.
Protocol: include/uapi/linux/fuse.h. A question that was taken and not answered cannot be interrupted (fs/fuse/dev.c,
request_wait_answer), so whoever asks is in the D state, where no signal reaches it.
"""

import ctypes
import os
import select
import struct
import sys
from pathlib import Path

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
GETATTR, STATFS, INIT = 3, 17, 26
# FORGET, INTERRUPT, BATCH_FORGET
WITHOUT_ANSWER = {2, 36, 42}
ENOENT, ENOSYS = 2, 38
LOOKUP = 1

HEADER = struct.Struct("=IIQQIIIHH")
ANSWER = struct.Struct("=IiQ")
BUFFER = 1 << 18  # not below FUSE_MIN_READ_BUFFER and max_write with its header

# Blocks, free, available, files, free files, block size, longest name, fragment size: 4 MB, half full.
USAGE = struct.pack("=QQQQQIIII24x", 1000, 500, 400, 100, 50, 4096, 255, 4096, 0)
FOLDER = struct.pack("=QII6Q10I", 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
# Version 7.31, read-ahead, flags, background, congestion, write size, time granularity and the rest.
HELLO = struct.pack("=IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 9, 4096, 1, 1, 0, 0)


class Mount:
    """One file system."""

    def __init__(self, libc: ctypes.CDLL, fd: int, path: str) -> None:
        self.fd = fd
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        source = f"filer:{Path(path).name}".encode()
        _check(libc.mount(source, path.encode(), b"fuse", 0, options), f"mount {path}")
        self._waiting: list[tuple[int, int]] = []

    def take(self, *, hanging: bool) -> None:
        """Take one question; answer it, if it is not one that hangs."""
        question = os.read(self.fd, BUFFER)
        _, opcode, unique, *_ = HEADER.unpack_from(question)
        if opcode in WITHOUT_ANSWER:
            return
        if hanging and opcode != INIT:
            self._waiting.append((opcode, unique))
        else:
            self._answer(opcode, unique)

    def answer_all(self) -> None:
        """Answer what waits."""
        for opcode, unique in self._waiting:
            self._answer(opcode, unique)
        self._waiting = []

    def _answer(self, opcode: int, unique: int) -> None:
        body = {INIT: HELLO, STATFS: USAGE, GETATTR: FOLDER}.get(opcode)
        error = 0 if body is not None else -(ENOENT if opcode == LOOKUP else ENOSYS)
        body = body or b""
        try:
            os.write(self.fd, ANSWER.pack(ANSWER.size + len(body), error, unique) + body)
        except FileNotFoundError:
            pass  # who asked was killed before we had taken the question


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _enter(libc: ctypes.CDLL, words: list[str]) -> list[str]:
    """Go to the mount namespace that the words name, and return the paths that they end with."""
    match words:
        case ["--here", *paths]:
            return paths
        case ["--of", pid, *paths]:
            namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            _check(libc.setns(namespace, CLONE_NEWNS), f"enter the mounts of {pid}")
            return paths
    _check(libc.unshare(CLONE_NEWNS), "unshare")
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make / private")
    return words


def main(words: list[str]) -> None:
    """Mount at each path, say so, and serve until stdin ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Before it enters: a container has no such device. One too many for each word that is no path.
    devices = [os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC) for _ in words]
    paths = _enter(libc, words)
    mounts = {fd: Mount(libc, fd, path) for fd, path in zip(devices, paths, strict=False)}
    print("hang", flush=True)
    hanging = True
    while True:
        for fd in select.select([0, *mounts], [], [])[0]:
            if fd:
                mounts[fd].take(hanging=hanging)
                continue
            word = os.read(0, 64).decode().strip()
            if not word:
                return
            hanging = word == "hang"
            for mount in mounts.values() if not hanging else ():
                mount.answer_all()
            print(word, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
