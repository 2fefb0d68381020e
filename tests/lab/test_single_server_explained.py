"""What the page of scenarios/single-server says that Hale would do is what it says on these nodes."""

import pytest

from tests.lab import explained
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


def test_what_the_page_explains(single_server):
    explained.hold(single_server, ROOT / "scenarios/single-server/README.md")
