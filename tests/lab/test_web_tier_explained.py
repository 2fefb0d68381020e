"""What the page of scenarios/web-tier says that Hale would do is what it says on these nodes."""

import pytest

from tests.lab import explained
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


def test_what_the_page_explains(web_tier):
    explained.hold(web_tier, ROOT / "scenarios/web-tier/README.md")
