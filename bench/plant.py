"""A cluster on loopback for benchmarks: real Prometheus, Alertmanager, healer and gates; the nodes are only numbers.

    with plant(Size(nodes=20, services=50), directory) as cluster: ...

What stands in for the nodes is said in nodes.py. All else is what runs in production, with cluster.yml rendered by
hale-cluster.
"""

import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from loopback import PATIENCE, ROOT, TOOLS, get, post, running, until
from nodes import EXPORTERS, SSH, Size, exporters, make_node, set_unit, sshd
from nodes import address as address_of

from healer.client import Client

PROMETHEUS, ALERTMANAGER, HEALER = 29090, 29093, 29595

GRAPH = f"http://mon1:9090/graph?g0.expr={'x' * 320}&g0.tab=1"
"""What Prometheus adds to an alert: a link with the rule's expression, as long as ServiceDown's escaped one."""


@dataclass
class Plant:
    """A running cluster.

    Attributes:
        down: Services that do not serve, as (node, service).
        begun: CLOCK_BOOTTIME, seconds, at which each gate's `begun` left it, by node.
        healer: The healer's process.
    """

    size: Size
    directory: Path
    down: set[tuple[str, str]] = field(default_factory=set)
    healer: "subprocess.Popen[bytes] | None" = None

    @property
    def begun(self) -> dict[str, float]:
        """When each node's gate said `begun`, as the SSH server saw it."""
        path = self.directory / "begun"
        lines = path.read_text().splitlines() if path.exists() else []
        return {node: float(at) for node, at in (line.split() for line in lines)}

    def alert(self, node: str, service: str) -> dict[str, str]:
        """The labels of a service's alert."""
        group = f"{node}-group" if self.size.own_groups else "all"
        return {
            "alertname": "ServiceDown",
            "cluster": "bench",
            "node": node,
            "group": group,
            "failure_domain": f"rack-{node}",
            "service": service,
            "severity": "critical",
            "heal": "restart-service",
        }

    def fail(self, node: str, services: Sequence[str]) -> None:
        """Let services of a node fail, and systemd know of it."""
        self.down |= {(node, one) for one in services}
        for one in services:
            set_unit(self.directory / node, one, "failed")

    def tell_alertmanager(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Post alerts as Prometheus does."""
        told = [
            {"labels": dict(one), "annotations": _annotations(one), "generatorURL": GRAPH}
            for one in alerts
        ]
        post(f"http://127.0.0.1:{ALERTMANAGER}/api/v2/alerts", told)

    def webhook(self, alerts: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """The body that Alertmanager would send for these."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        one = {
            "status": "firing",
            "annotations": {},
            "startsAt": now,
            "endsAt": "0001-01-01T00:00:00Z",
        }
        return {
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "healer",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": f"http://127.0.0.1:{ALERTMANAGER}",
            "alerts": [
                {**one, "labels": dict(labels), "generatorURL": "", "fingerprint": "0"}
                for labels in alerts
            ],
        }

    def mend(self, node: str, services: Sequence[str]) -> None:
        """Let services of a node serve again."""
        self.down -= {(node, one) for one in services}

    def wait_firing(self, count: int, node: str = "") -> None:
        """Wait until Prometheus itself finds so many services down, of one node or of all."""
        of = f',node="{node}"' if node else ""
        query = f'count(ALERTS{{alertname="ServiceDown",alertstate="firing"{of}}})'
        url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/query?{urlencode({'query': query})}"
        until(lambda: _count(get(url)) >= count, f"{count} alerts firing in Prometheus")

    def open_incidents(self) -> int:
        """How many incidents the healer has open, by its own metrics."""
        return sum(
            int(value)
            for name, value in self.metrics().items()
            if name.startswith("healer_incidents{")
        )

    def metrics(self) -> dict[str, float]:
        """The healer's series."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{HEALER}/metrics", timeout=PATIENCE
        ) as answer:
            lines = answer.read().decode().splitlines()
        found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in found}

    def journalled(self, node: str) -> tuple[float, float]:
        """When the newest incident of a node was opened and its action intended, in CLOCK_BOOTTIME seconds."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.directory}/journal.db?mode=ro", uri=True)
        ) as journal:
            rows = journal.execute(
                "SELECT kind, at_mono FROM events WHERE kind IN ('incident_opened', 'action_intended') "
                "AND instr(body, ?) ORDER BY seq DESC LIMIT 2",
                (f'"{node}"',),
            ).fetchall()
        found = dict(rows)
        return found["incident_opened"], found["action_intended"]

    def warm(self, node: str, service: str) -> None:
        """Let the healer ask the gate of a node, so that its session with it is open."""
        Client(self.control).post("/api/v1/explain", {"target": f"{node}/{service}"})

    @property
    def control(self) -> Path:
        """The healer's control socket."""
        return self.directory / "ctl.sock"

    def memory_mb(self) -> float:
        """The healer's resident memory at its highest, in 10^6 bytes (VmHWM of /proc/PID/status, which counts KiB)."""
        return self._status("VmHWM") * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """On-CPU time of all of the healer's threads so far."""
        tasks = Path(f"/proc/{self._pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def _status(self, key: str) -> float:
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return float(line.split()[1])
        raise RuntimeError(f"no {key}")

    @property
    def _pid(self) -> int:
        if self.healer is None:
            raise RuntimeError("no healer runs")
        return self.healer.pid


def _annotations(labels: Mapping[str, str]) -> dict[str, str]:
    """Return what the rules add to an alert of these labels."""
    told = dict(_templates().get(labels["alertname"], {}))
    for key, value in labels.items():
        told = {
            name: text.replace(f"{{{{ $labels.{key} }}}}", value) for name, text in told.items()
        }
    return told


@cache
def _templates() -> dict[str, dict[str, str]]:
    """Return the annotations of each alert of rules/services.yml."""
    groups = yaml.safe_load((ROOT / "rules/services.yml").read_text())["groups"]
    rules = [one for group in groups for one in group["rules"] if "alert" in one]
    return {one["alert"]: one["annotations"] for one in rules}


def _count(answer: Any) -> float:
    found = answer["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


@contextmanager
def plant(size: Size, directory: Path, *, mode: str = "act", every: str = "1s") -> Iterator[Plant]:
    """Start everything, the healer armed; end everything after the block.

    Args:
        size: Of the cluster.
        directory: Where everything is written.
        mode: Of the healer.
        every: Between two scrapes, and between two evaluations of the rules.
    """
    made = Plant(size, directory)
    # Whoever stops a benchmark stops what it started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        _write(made, mode, every)
        stack.enter_context(exporters(size, made.down))
        stack.enter_context(sshd(size, directory))
        stack.enter_context(_prometheus(directory))
        stack.enter_context(_alertmanager(directory))
        made.tell_alertmanager([{"alertname": "Watchdog", "cluster": "bench"}])
        up = f"http://127.0.0.1:{PROMETHEUS}/api/v1/query?query=count(up%7Bjob%3D%22node%22%7D%3D%3D1)"
        until(lambda: _count(get(up)) == size.nodes + 1, "a scrape of every node")
        config, healer = str(directory / "cluster.yml"), str(ROOT / ".venv/bin/hale-healer")
        subprocess.run(
            [healer, "store", "init", "--config", config, "--era", "1"],
            check=True,
            capture_output=True,
        )
        argv = [
            "env",
            *_environment(),
            healer,
            "run",
            "--config",
            config,
            "--listen",
            f"127.0.0.1:{HEALER}",
            "--control",
            str(made.control),
        ]
        made.healer = stack.enter_context(running(directory, "healer", *argv))
        until(lambda: made.metrics()['healer_frozen{reason="not_armed"}'] == 0, "the healer armed")
        stack.enter_context(_watchdog(made))
        yield made


def _environment() -> list[str]:
    """Return what the healer's unit sets, as words NAME=VALUE."""
    unit = (ROOT / "healer/systemd/hale-healer.service").read_text().splitlines()
    return [line.removeprefix("Environment=") for line in unit if line.startswith("Environment=")]


@contextmanager
def _watchdog(made: Plant) -> Iterator[None]:
    """Keep Watchdog alive in Alertmanager, as a rule of Prometheus does."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(10):
            made.tell_alertmanager([{"alertname": "Watchdog", "cluster": "bench"}])

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _prometheus(directory: Path) -> Iterator[None]:
    argv = [
        str(TOOLS / "bin/prometheus"),
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/tsdb",
        f"--web.listen-address=127.0.0.1:{PROMETHEUS}",
    ]
    with running(directory, "prometheus", *argv):
        until(lambda: _ready(PROMETHEUS), "Prometheus")
        yield


@contextmanager
def _alertmanager(directory: Path) -> Iterator[None]:
    # Debian's reads its template from /usr/share and from nowhere else: a mount namespace of its own has it there.
    mount = 'mount --bind "$0" /usr/share && exec "$@"'
    argv = [
        *("unshare", "-m", "sh", "-c", mount, str(TOOLS / "share")),
        str(TOOLS / "bin/prometheus-alertmanager"),
        f"--config.file={directory}/alertmanager.yml",
        f"--storage.path={directory}/am",
        f"--web.listen-address=127.0.0.1:{ALERTMANAGER}",
        "--cluster.listen-address=",
    ]
    with running(directory, "alertmanager", *argv):
        until(lambda: _ready(ALERTMANAGER), "Alertmanager")
        yield


def _ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=PATIENCE) as answer:
        return int(answer.status) == 200


# --- What is written ------------------------------------------------------------------------


def _write(made: Plant, mode: str, every: str) -> None:
    directory, size = made.directory, made.size
    (directory / "cluster.yml").write_text(
        yaml.safe_dump(_cluster(size, directory, mode, every), sort_keys=False)
    )
    out = directory / "rendered"
    render = [
        str(ROOT / ".venv/bin/hale-cluster"),
        "render",
        str(directory / "cluster.yml"),
        str(out),
    ]
    subprocess.run(render, check=True, capture_output=True)
    for node in size.names:
        make_node(directory / node, out / node / "etc/hale/gate.json", size.on(node))
    rendered = yaml.safe_load((out / "mon1/etc/prometheus/prometheus.yml").read_text())
    rendered["rule_files"] = [f"{out}/mon1/etc/prometheus/rules/*.yml"]
    # It tells nobody: when Alertmanager and the healer hear of an alert is what is measured.
    rendered["alerting"] = {"alertmanagers": []}
    rendered["scrape_configs"] = [
        {"job_name": "node", "static_configs": [_target("mon1", "control"), *map(_of, size.names)]}
    ]
    if size.own_groups:
        for target in rendered["scrape_configs"][0]["static_configs"][1:]:
            target["labels"]["group"] = f"{target['labels']['node']}-group"
    (directory / "prometheus.yml").write_text(yaml.safe_dump(rendered))
    nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(nobody))


def _of(node: str) -> dict[str, Any]:
    return _target(node, "all")


def _target(node: str, group: str) -> dict[str, Any]:
    return {
        "targets": [f"127.0.0.1:{EXPORTERS}"],
        "labels": {
            "__metrics_path__": f"/{node}",
            "cluster": "bench",
            "node": node,
            "group": group,
            "failure_domain": f"rack-{node}",
            "instance": node,
        },
    }


def _cluster(size: Size, directory: Path, mode: str, every: str) -> dict[str, Any]:
    names = size.names
    address = {name: address_of(number) for number, name in enumerate(names, 1)}
    nodes = {name: {"address": address[name], "failure_domain": f"rack-{name}"} for name in names}
    groups: dict[str, Any] = {"control": {"nodes": ["mon1"], "role": "control"}}
    services: dict[str, Any] = {}
    for node in names if size.own_groups else [""]:
        group = f"{node}-group" if node else "all"
        groups[group] = {"nodes": [node] if node else names, "min_available": 0}
        for service in size.on(node or names[0]):
            services[service] = {"unit": f"{service}.service", "group": group}
    proof = {"metric": "hale_service_up", "within": "30s", "soak": "1s"}
    return {
        "cluster": "bench",
        "nodes": {"mon1": {"address": "127.0.0.1", "failure_domain": "rack-mon1"}, **nodes},
        "groups": groups,
        "services": services,
        "ladders": {
            "restart-service": {
                "mode": mode,
                "rungs": [
                    {"action": "service.restart", "fast": True, "verify": proof},
                    {"action": "person.call"},
                ],
            }
        },
        "healer": {
            "node": "mon1",
            "mode": mode,
            "external_url": f"http://127.0.0.1:{HEALER}",
            "store": {"sqlite": f"{directory}/journal.db", "lease": "10s"},
            "key": f"{directory}/healer_key",
            "known_hosts": f"{directory}/known_hosts",
            "ssh_port": SSH,
            "correlation": {"window": "0s"},
            "guards": _numbers(size),
        },
        "monitoring": {
            "nodes": ["mon1"],
            "prometheus": f"http://127.0.0.1:{PROMETHEUS}",
            "alertmanagers": [f"http://127.0.0.1:{ALERTMANAGER}"],
            "scrape_interval": every,
            "evaluation_interval": every,
        },
    }


def _numbers(size: Size) -> dict[str, Any]:
    """Production's numbers, but that one by one each node of its own group may be treated."""
    if not size.own_groups:
        return {}
    most = {"node": 1000, "group": 1000, "cluster": 1000, "window": "1h"}
    return {"budget": most, "owner_settled": {"service": "1s"}}
