"""Two things at once, of which the first to end ends the other."""

import asyncio
from collections.abc import Coroutine


async def first(*work: Coroutine[None, None, None]) -> None:
    """Wait for whichever ends first, and end the others before returning.

    Raises:
        Exception: What the first one to end raised.
    """
    tasks = [asyncio.ensure_future(w) for w in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
