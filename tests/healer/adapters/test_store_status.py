"""What `store status` says of a store, whoever leads and whatever of it answers."""

import itertools
import json
from pathlib import Path

import pytest

from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.journal_file import StoreSettings
from healer.adapters.store_status import read_status
from healer.adapters.stores import init_store, open_store
from healer.cli import main
from healer.clock import SystemClock
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.history import Going
from healer.errors import ConfigError
from tests.healer.adapters.etcd_real import etcd

FIRST = Path(__file__).parents[3] / "scenarios/first/cluster.yml"
NUMBERS = itertools.count()
CAUSE = Alert("f", "ServiceDown", (("node", "web1"),), 0.0)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd"), 3) as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("etcd", marks=pytest.mark.tools)])
async def settings(request, tmp_path):
    if request.param == "sqlite":
        found = StoreSettings(tmp_path / "journal.db", 64 * 1024, 10.0)
    else:
        found = request.getfixturevalue("real").settings(
            prefix=f"/status{next(NUMBERS)}", history=tmp_path / "a.db", lease_seconds=10.0
        )
    await init_store(found, 4, 3)
    return found


async def test_a_store_that_nobody_leads_on_says_so(settings):
    found = await read_status(settings, SystemClock())
    assert (found.leader, found.since, found.lease_left_seconds) == (None, None, None)
    assert (found.era, found.seq, found.records, found.open_incidents) == (4, 0, 0, 0)
    assert found.problem == ""


async def test_who_leads_since_when_and_what_is_open(settings):
    clock = SystemClock()
    store = await open_store(settings, clock, "mon1", lambda _: None)
    token = store.token
    await store.append([ev.HealerStarted("1", "d", "m", token.era, token.term, "mon1")])
    await store.append(
        [
            ie.IncidentOpened("1", CAUSE, "restart-service", "d"),
            ie.IncidentOpened("2", CAUSE, "restart-service", "d"),
            ie.IncidentClosed("1", "healed", ""),
        ]
    )
    found = await read_status(settings, clock)
    assert (found.leader, found.era, found.term) == ("mon1", 4, token.term)
    assert found.since == pytest.approx(clock.wall(), abs=60)
    assert 0 < found.lease_left_seconds <= 10
    assert (found.seq, found.records, found.open_incidents) == (4, 4, 1)
    assert found.bytes > 0
    await store.prune(Going((2, 4), ("1",), 1, 0, 2, (), 0.0))
    found = await read_status(settings, clock)
    assert (found.seq, found.records, found.open_incidents) == (5, 3, 1)
    await store.release()
    found = await read_status(settings, clock)
    assert (found.leader, found.lease_left_seconds, found.open_incidents) == (None, None, 1)


async def test_a_store_that_is_not_there_names_the_command_that_makes_one(settings, tmp_path):
    if isinstance(settings, EtcdSettings):
        missing = EtcdSettings(settings.endpoints, "/nothing", "test", tmp_path / "b.db")
    else:
        missing = StoreSettings(tmp_path / "none.db")
    with pytest.raises(ConfigError, match="store init"):
        await read_status(missing, SystemClock())


def cluster_yml(folder, store):
    text = FIRST.read_text()
    old = "store: {sqlite: /var/lib/hale-healer/journal.db, reserve: 4MiB, lease: 10s}"
    assert old in text
    path = folder / "cluster.yml"
    path.write_text(text.replace(old, f"store: {store}"))
    return str(path)


def test_the_command_says_it_of_a_file(tmp_path, capsys):
    path = cluster_yml(tmp_path, f"{{sqlite: {tmp_path}/j.db}}")
    assert main(["store", "status", "--config", path]) == 2
    assert "store init" in capsys.readouterr().err
    assert main(["store", "init", "--config", path, "--era", "3"]) == 0
    capsys.readouterr()
    assert main(["store", "status", "--config", path, "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["era"], told["leader"], told["members"]) == ("sqlite", 3, None, [])
    assert main(["store", "status", "--config", path]) == 0
    assert "leader          nobody" in capsys.readouterr().out


@pytest.mark.tools
def test_the_command_says_which_members_answer_and_whether_they_are_a_majority(tmp_path, capsys):
    with etcd(tmp_path, 3) as real:
        endpoints = ", ".join(f'"{one}"' for one in real.endpoints)
        path = cluster_yml(tmp_path, f"{{etcd: {{endpoints: [{endpoints}]}}}}")
        assert main(["store", "init", "--config", path, "--era", "3"]) == 0
        assert main(["store", "init", "--config", path, "--era", "4"]) == 2
        assert "there is a journal already" in capsys.readouterr().err
        real.members[0].kill()
        real.ready()
        assert main(["store", "status", "--config", path, "--output", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["kind"], told["era"], told["problem"]) == ("etcd", 3, "")
        assert [one["version"] is None for one in told["members"]] == [True, False, False]
        assert sum(bool(one["leads"]) for one in told["members"]) == 1
        real.members[1].freeze()
        assert main(["store", "status", "--config", path]) == 1
        told = capsys.readouterr().out
        assert "no majority of etcd answers" in told
        assert "no answer within" in told


@pytest.mark.tools
def test_a_member_that_has_no_leader_says_so_and_the_rest_of_what_it_knows(tmp_path, capsys):
    with etcd(tmp_path, 3) as real:
        path = cluster_yml(tmp_path, f'{{etcd: {{endpoints: ["{real.members[2].client}"]}}}}')
        assert main(["store", "init", "--config", path, "--era", "3"]) == 0
        capsys.readouterr()
        real.members[0].kill()
        real.members[1].kill()
        real.members[2].alone()
        assert main(["store", "status", "--config", path, "--output", "json"]) == 1
        (told,) = json.loads(capsys.readouterr().out)["members"]
        assert told["problem"] == "etcdserver: no leader"
        assert told["leads"] is False
        assert told["version"].startswith("3.")
        assert told["used_bytes"] > 0
