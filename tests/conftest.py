"""What every test relies on."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings

# Two hundred milliseconds for one example, or a second until there is one, say how busy the machine is and nothing
# about the code.
SLOW = [HealthCheck.too_slow]
# Everybody meets the same examples, so what fails for one fails for all; --hypothesis-profile=explore seeks others.
settings.register_profile("explore", deadline=None, derandomize=False, suppress_health_check=SLOW)
settings.register_profile(
    "hale", deadline=None, derandomize=True, database=None, suppress_health_check=SLOW
)
settings.load_profile("hale")


def pytest_sessionstart() -> None:
    """Say that there is no event loop outside of a test.

    looptime asks the policy for one before each test, and the first asking would make a loop that
    nobody closes.
    """
    asyncio.set_event_loop(None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be written anew; the diff is then read like any other change."""
    parser.addoption("--rewrite", action="store_true", help="accept new golden output")
