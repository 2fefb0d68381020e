"""What the page of scenarios/postgres-ha says that Hale would do is what it says on these nodes."""

import pytest

from lab.drills import databases, install
from lab.drills.waiting import WallClock
from tests.lab import explained
from tests.lab.conftest import ROOT

pytestmark = pytest.mark.lab


def test_what_the_page_explains(postgres_ha):
    """On the page db1 leads and db2 is the synchronous standby; here whoever came to."""
    place = databases.place_of(install.read_base(postgres_ha).cluster)
    assert place is not None
    parts = databases.parts_in_time(postgres_ha, place, WallClock(), 60.0)
    nodes = {"db1": parts["$primary"], "db2": parts["$standby"], "db3": parts["$third"]}
    explained.hold(postgres_ha, ROOT / "scenarios/postgres-ha/README.md", nodes)
