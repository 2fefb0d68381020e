"""The checkout's docker-compose.yml as it stands up once for a file of tests, and whom they ask."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import yaml

from tests.compose import standins
from tests.compose.daemon import ROOT, Docker, left_behind, started

T = TypeVar("T")

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
# Debian has no Grafana; what it is given is looked at in test_files.py.
SHOWN_NOWHERE = {"grafana"}
ONCE = {"render", "journal"}
OWN = {one["image"] for one in SERVICES.values() if "build" in one}
DOCKERFILE = (ROOT / "compose/Dockerfile").read_text()
BASES = {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("FROM ")}
PAGE = (ROOT / "docs/compose.md").read_text()
COMMANDS = re.findall(r"^    docker compose ([^#\n]+?) *(?:#.*)?$", PAGE, re.MULTILINE)
"""What the page tells people to run, without `docker compose`."""
FETCH = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1], timeout=5).read().decode())"


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything of docker-compose.yml but Grafana, running."""

    docker: Docker

    def get(self, url: str) -> Any:
        """Return what a published port answers, as JSON where it is JSON."""
        text = self.docker.inside("/usr/bin/python3", "-c", FETCH, url)
        try:
            return json.loads(text)
        except ValueError:
            return text

    def alerts(self) -> set[tuple[str, str, str]]:
        """Return name, node and service of what fires in Prometheus and in Alertmanager alike."""
        rules = self.get("http://127.0.0.1:9090/api/v1/alerts")["data"]["alerts"]
        firing = [one["labels"] for one in rules if one["state"] == "firing"]
        sent = [one["labels"] for one in self.get("http://127.0.0.1:9093/api/v2/alerts")]
        return _named(firing) & _named(sent)

    def incidents(self, state: str = "") -> list[dict[str, Any]]:
        """Return the healer's incidents, newest first; all, or those in one state."""
        query = f"?state={state}" if state else ""
        return list(self.get(f"http://127.0.0.1:9595/api/v1/incidents{query}")["incidents"])

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return each service's container as `docker inspect` shows it."""
        ids = self.docker.run("docker", "ps", "--all", "--quiet").split()
        shown = json.loads(self.docker.run("docker", "inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in shown}


def _named(labels: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(one["alertname"], one.get("node", ""), one.get("service", "")) for one in labels}


def eventually(look: Callable[[], T], right: Callable[[T], bool], within: float) -> T:
    """Look until it is right, and return that; fail with what was seen last after `within` seconds."""
    deadline = time.monotonic() + within
    while not right(seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:g} s; seen last: {seen}")
        time.sleep(0.5)
    return seen


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """A dockerd with stand-ins for every image that docker-compose.yml does not build."""
    if missing := [str(one) for one in standins.programs() if not one.exists()]:
        pytest.fail(f"missing {', '.join(missing)}: run `make docker dist` as root")
    named = {one["image"] for one in SERVICES.values()} - OWN | BASES
    shown_nowhere = {SERVICES[name]["image"] for name in SHOWN_NOWHERE}
    with started() as running:
        namespace = running.namespace
        standins.make(running, frozenset(named - shown_nowhere))
        yield running
    assert left_behind(running, namespace) == []


@pytest.fixture(scope="module")
def stack(docker: Docker) -> Iterator[Stack]:
    """The services, up and healthy."""
    running = Stack(docker)
    # 1.29.2 builds what is missing as well, but without a word where a step of it fails.
    docker.compose("build")
    docker.compose("up", "--detach", *sorted(SERVICES.keys() - SHOWN_NOWHERE))
    try:
        eventually(lambda: _ill(running), lambda ill: not ill, within=90.0)
        yield running
    except BaseException:
        print(docker.compose("logs", "--no-color", "--tail", "30"))
        raise
    finally:
        docker.compose("down", "--volumes", "--timeout", "2")


def _ill(stack: Stack) -> dict[str, str]:
    """Return the services that are not as they have to be, and how they are."""
    found = {}
    for name, one in stack.containers().items():
        state = one["State"]
        if name in ONCE:
            fine = state["Status"] == "exited" and state["ExitCode"] == 0
        else:
            fine = state.get("Health", {}).get("Status") == "healthy"
        if not fine:
            found[name] = json.dumps(state)
    return found
