"""Where large blocks go in memory."""

import subprocess
import sys

import pytest

# What glibc does by itself: a large block that was freed makes those after it part of the heap.
WHERE = """\
import ctypes, sys
from pathlib import Path
from exporter import memory

def in_heap(block):
    at = ctypes.addressof(ctypes.c_char.from_buffer(block))
    rows = [row.split() for row in Path("/proc/self/maps").read_text().splitlines()]
    ranges = [row[0].split("-") for row in rows if row[-1] == "[heap]"]
    return any(int(begin, 16) <= at < int(end, 16) for begin, end in ranges)

if sys.argv[1] == "bound":
    memory.bound()
large = bytearray(8 << 20)
del large
print(in_heap(bytearray(4 << 20)))
"""


@pytest.mark.parametrize(("how", "in_heap"), [("as it is", "True"), ("bound", "False")])
def test_large_blocks_leave_no_hole_in_the_heap(how: str, in_heap: str) -> None:
    argv = [sys.executable, "-c", WHERE, how]
    assert (
        subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == in_heap
    )
