"""How memory is given back, so that a long run takes no more than a short one: mallopt(3), and the free lists."""

import ctypes
import gc

# include/malloc.h of glibc
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8

# What is larger has a mapping of its own, which is gone when it is freed. Without a fixed number glibc raises it to the
# largest that was freed, and the interpreter's own large tables then leave holes of their size behind.
MAPPED_BYTES = 1024 * 1024


def bound() -> None:
    """Have large blocks mapped by themselves, and all threads share one heap; nothing where this is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(M_ARENA_MAX, 1)  # one thread at a time runs Python, so nobody waits for it


SWEEP_EVERY = 200
"""Rounds of work between two sweeps, each of which takes as long as two rounds."""


class Sweeper:
    """Empties the interpreter's free lists now and then.

    CPython keeps up to 2,000 tuples of each length to use them again (PyTuple_MAXFREELIST in Objects/tupleobject.c).
    One that was made without knowing its length comes from another list than it goes to, so the lists fill by and by,
    2 MiB in all. Only a collection of the oldest generation empties them, and what is frozen it need not look at.
    """

    def __init__(self) -> None:
        self._rounds = 0

    def worked(self) -> None:
        """Take note of a round of work."""
        self._rounds += 1
        if self._rounds % SWEEP_EVERY == 0:
            gc.collect()
