"""Gzip for answers that are made anew each time: as little work as it takes to make them a tenth as long."""

import zlib

# The fastest level: the text is repetitive enough even so.
LEVEL = 1

# zlib's windowBits, with 16 for gzip's header, and memLevel (zlib.h). Its defaults clear 256 KiB before they begin,
# which for a usual scrape of 30 KiB takes longer than the work; a large one is done sooner with the larger window.
SMALL = 16 + 14, 6
LARGE = 16 + 15, 7
LARGE_BYTES = 128 * 1024


def squeezed(body: bytes) -> bytes:
    """Return the body as one gzip member, without a time in its header (RFC 1952)."""
    window, memory = LARGE if len(body) >= LARGE_BYTES else SMALL
    making = zlib.compressobj(LEVEL, zlib.DEFLATED, window, memory)
    return making.compress(body) + making.flush()
