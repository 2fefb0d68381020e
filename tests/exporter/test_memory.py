"""Where large blocks go in memory, and what the interpreter keeps."""

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


FILL = """
import sys
from exporter.memory import SWEEP_EVERY, Sweeper
sweeper = Sweeper()

def work(rounds):
    for number in range(rounds):
        tuple(one for one in range(number % 4 + 12))  # made as a longer one, and cut to its length
        if len(sys.argv) > 1:
            sweeper.worked()
    return sys.getallocatedblocks()

print(-work(SWEEP_EVERY) + work(20 * SWEEP_EVERY))
"""


def grown(*words: str) -> int:
    argv = [sys.executable, "-c", FILL, *words]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def test_free_lists_are_emptied_and_not_left_to_fill() -> None:
    assert grown() > 2000
    assert grown("swept") < 500
