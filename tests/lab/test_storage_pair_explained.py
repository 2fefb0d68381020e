"""What the page of scenarios/storage-pair says that Hale would do is what it says on these nodes."""

import pytest

from tests.lab import explained
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


def test_what_the_page_explains(storage_pair):
    explained.hold(storage_pair, ROOT / "scenarios/storage-pair/README.md")
