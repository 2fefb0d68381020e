"""What is written for keepalived makes two real ones do what docs/cluster.md says."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.candidates import Candidate, connect, settles
from tests.cluster.examples import TIER
from tests.cluster.native import as_root, tool
from tests.cluster.rendering import tree_of

pytestmark = pytest.mark.tools

# Ten times faster than what anybody should write, so that a takeover takes no three seconds.
QUICK = TIER.replace("router_id: 51,", "router_id: 51, advert_interval: 100ms,")

# Whether each one's balancer is stopped, whether each one is declined, and who then owns the address.
STEPS = [
    ("nothing is wrong", (False, False), ("0", "0"), 0),
    ("the owner is declined", (False, False), ("1", "0"), 1),
    ("all are declined, and somebody still serves", (False, False), ("1", "1"), 0),
    ("only the other is declined", (False, False), ("0", "1"), 0),
    ("what cannot serve yields to what is declined", (True, False), ("0", "1"), 1),
    ("none can serve, and the one that is not declined has it", (True, True), ("0", "1"), 0),
    ("none can serve", (True, True), ("0", "0"), 0),
    ("the other can serve again", (True, False), ("0", "0"), 1),
    ("all is well again", (False, False), ("0", "0"), 0),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user nobody can reach, as whom the check runs; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def pair(folder: Path) -> Iterator[list[Candidate]]:
    as_root()
    tool("keepalived")
    files = tree_of(QUICK)
    candidates = [Candidate(f"lb{n}", f"10.0.0.2{n}", files, folder) for n in (1, 2)]
    try:
        connect(*candidates)
        for act in (Candidate.plug, Candidate.start):
            for candidate in candidates:
                act(candidate)
        yield candidates
    finally:
        for candidate in candidates:
            candidate.end()


def test_there_is_always_one_owner_and_the_one_that_is_best(pair: list[Candidate]) -> None:
    for what, stopped, declined, owner in STEPS:
        for candidate, stop, value in zip(pair, stopped, declined, strict=True):
            candidate.balancer.send_signal(signal.SIGSTOP if stop else signal.SIGCONT)
            candidate.decline(value)
        others = [candidate for candidate in pair if candidate is not pair[owner]]
        said = "\n".join(f"{one.name}: {one.log()}" for one in pair)
        assert settles(pair[owner], others), f"{what}\n{said}"
    assert "FAULT" not in "".join(candidate.log() for candidate in pair)
