"""Programs of others: what is killed leaves nothing open."""

import asyncio
from pathlib import Path

import pytest

from healer.adapters.program import running
from healer.errors import Unreachable


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_one_that_is_killed_in_the_middle_of_its_words_leaves_no_pipe_open() -> None:
    async with running(["true"], 5.0, "true"):
        pass  # the loop's own descriptors are there from now on
    before = descriptors()
    pipe = asyncio.subprocess.PIPE
    with pytest.raises(Unreachable, match="did not end within"):
        async with running(["yes"], 0.2, "yes", stdout=pipe, stderr=pipe) as process:
            await asyncio.Event().wait()  # nobody reads
    assert process.returncode == -9
    await asyncio.sleep(0)
    assert descriptors() == before
