"""What the page of scenarios/redis-sentinel says that Hale would do is what it says on these nodes."""

import pytest

from tests.lab import explained
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


def test_what_the_page_explains(redis_sentinel):
    explained.hold(redis_sentinel, ROOT / "scenarios/redis-sentinel/README.md")
