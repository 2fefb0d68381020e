"""DRBD 9 as drbdsetup tells it, against what ha_cluster_exporter makes of the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.collector import Absent, Malformed
from exporter.collectors.drbd9 import Drbd9, of_status
from exporter.programs import Ended
from tests.exporter.golden import same_as_golden
from tests.exporter.test_pacemaker import series

FIXTURES = Path(__file__).parent / "fixtures/ha_cluster"
SAID = (FIXTURES / "drbdsetup.txt").read_bytes()


class Asked:
    def __init__(self, answer: Ended) -> None:
        self.answer = answer
        self.asked = 0

    async def run(self, argv: Sequence[str], deadline: float, about: str = "") -> Ended:
        self.asked += 1
        return self.answer


@pytest.fixture
def loaded(tmp_path: Path) -> Path:
    (tmp_path / "module/drbd").mkdir(parents=True)
    (tmp_path / "module/drbd/version").write_text("9.2.11\n")
    return tmp_path


async def exposition(sysfs: Path, answer: Ended) -> bytes:
    shown = list[bytes]()
    await Drbd9(Asked(answer), sysfs, sysfs / "splitbrain").collect(shown.append)
    return shown[-1]


async def test_it_is_what_ha_cluster_exporter_makes_of_the_same(
    loaded: Path, request: pytest.FixtureRequest
) -> None:
    seen = await exposition(loaded, Ended(0, SAID, b""))
    ours = {name: value for name, value in series(seen).items() if name.startswith("ha_cluster_")}
    assert ours == series((FIXTURES / "drbd.metrics").read_bytes())
    (loaded / "splitbrain").mkdir()
    for name in ("drbd-split-brain-detected-1-single-0-0", "else"):
        (loaded / "splitbrain" / name).touch()
    same_as_golden(request, "drbd9", await exposition(loaded, Ended(0, SAID, b"")))


async def test_a_peer_that_is_lost_and_what_it_lacks_are_told(loaded: Path) -> None:
    lost = SAID.replace(b'"Connected"', b'"StandAlone"').replace(b'sync": 0,', b'sync": 3,')
    told = series(await exposition(loaded, Ended(0, lost, b"")))
    assert 'hale_drbd_connection_state_info{peer="SLE15-sp1-gm-drbd1145296-node1",' in str(told)
    assert 'state="StandAlone"' in str(told)
    labels = 'peer_node_id="1",resource="1-single-0",volume="0"'
    assert told[f"hale_drbd_out_of_sync_bytes{{{labels}}}"] == 3072


async def test_where_no_resource_is_up_nothing_is_told(loaded: Path) -> None:
    assert await exposition(loaded, Ended(0, b"[\n]\n", b"")) == b""


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0\xff",
        SAID[: len(SAID) // 2],
        b"{}}",
        b"1",
        b'["a"]',
        b'[{"name": 1}, {}]',
        b"[" * 100_000,
        SAID.replace(b"654321", b'"many"'),
        SAID.replace(b'"quorum": true', b'"quorum": null'),
    ],
    ids=range(10),
)
def test_what_is_not_its_status_is_a_failure(said: bytes) -> None:
    with pytest.raises(Malformed):
        list(of_status(said))


async def test_what_drbdsetup_refuses_is_a_failure_with_its_own_words(loaded: Path) -> None:
    with pytest.raises(Malformed, match="exit status 20: Could not connect"):
        await exposition(loaded, Ended(20, b"", b"Could not connect to 'drbd' generic netlink\n"))


@pytest.mark.parametrize("version", [None, "8.4.11\n"])
async def test_drbdsetup_which_would_load_the_module_is_asked_only_of_drbd_9(
    tmp_path: Path, version: str | None
) -> None:
    if version is not None:
        (tmp_path / "module/drbd").mkdir(parents=True)
        (tmp_path / "module/drbd/version").write_text(version)
    asked = Asked(Ended(0, SAID, b""))
    with pytest.raises(Absent):
        await Drbd9(asked, tmp_path, tmp_path).collect(lambda body: None)
    assert asked.asked == 0
