"""Each query of the dashboard, asked of the scenario's Prometheus while a member is broken and taken out."""

import json
import sys
import time
from urllib.parse import quote

import pytest

from lab import faults
from tests.dashboards.asking import QUERIES, filled

pytestmark = pytest.mark.lab

PROMETHEUS = "http://10.77.0.10:9090"
HEALER = "http://10.77.0.10:9595"
BROKEN = {"unit": "nginx.service", "path": "/etc/nginx/nginx.conf"}


@pytest.fixture
def loaded(web_tier):
    """The tier with requests coming in."""
    argv = [sys.executable, "-m", "lab.load", f"--out={web_tier.directory / 'load.jsonl'}"]
    load = web_tier.spawn_host([*argv, "http://10.77.0.100/"], web_tier.directory / "load.log")
    yield web_tier
    load.stop()


@pytest.fixture
def mitigated(loaded):
    """The tier with web2 out of its pool, since it cannot be started."""
    wait(lambda: idle(loaded), "the healer is ready and has nothing to do")
    faults.inject(loaded, "web2", "service.break_config", {**BROKEN, "then": "kill"})
    try:
        wait(lambda: "mitigated" in states(loaded), "the incident is mitigated")
        yield loaded
    finally:
        faults.inject(loaded, "web2", "service.mend_config", BROKEN)
    wait(lambda: idle(loaded), "the incident is over")


def get(lab, url):
    done = lab.host_exec(["curl", "--silent", "--fail", "--max-time", "5", url])
    return json.loads(done.stdout) if done.code == 0 else None


def states(lab):
    found = get(lab, f"{HEALER}/api/v1/incidents")
    return None if found is None else [one["state"].lower() for one in found["incidents"]]


def idle(lab):
    status = get(lab, f"{HEALER}/api/v1/status")
    return status is not None and not status["freezes"] and not set(states(lab)) - {"closed"}


def wait(condition, what, within=120.0):
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, f"not within {within:.0f} s: {what}"
        time.sleep(0.5)


def answers(lab, query):
    """Return the values that are numbers."""
    found = get(lab, f"{PROMETHEUS}/api/v1/query?query={quote(filled(query), safe='')}")
    values = [sample["value"][1] for sample in found["data"]["result"]]
    return [value for value in values if value != "NaN"]


def test_each_query_has_an_answer(mitigated):
    silent = set(QUERIES)
    until = time.monotonic() + 30  # Prometheus scrapes and judges every other second
    while silent and time.monotonic() < until:
        silent -= {query for query in silent if answers(mitigated, query)}
        time.sleep(1)
    assert not silent
