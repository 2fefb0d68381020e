"""What every test relies on."""

import asyncio


def pytest_sessionstart() -> None:
    """Say that there is no event loop outside of a test.

    looptime asks the policy for one before each test, and the first asking would make a loop that
    nobody closes.
    """
    asyncio.set_event_loop(None)
