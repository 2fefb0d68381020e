"""The browser that the tests of the pages look through."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.healer.web.screens import SHOTS, chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a module: each window has a profile of its own."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    async with chromium() as found:
        yield found
