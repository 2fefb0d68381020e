"""A file that is not taken over is told."""

import pytest

from exporter.reloads import EXPORTER, WEB, Reloads
from tests.exporter.golden import same_as_golden


def test_each_file_that_is_read_is_told_of_and_no_other(request: pytest.FixtureRequest) -> None:
    reloads = Reloads(EXPORTER, WEB)
    reloads.note(WEB, good=False)
    same_as_golden(request, "reloads", reloads())
    reloads.note(WEB, good=True)
    assert b'{file="web-config.yml"} 1\n' in reloads()
    assert Reloads()() == b""
