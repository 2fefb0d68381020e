"""How the C library gives memory back (mallopt(3)), so that a long run takes no more than a short one."""

import ctypes

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
