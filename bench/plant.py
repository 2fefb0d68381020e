"""A cluster on loopback for benchmarks: real Prometheus, Alertmanager, healer and gates; the nodes are only numbers.

    with plant(Size(nodes=20, services=50), directory) as cluster: ...

What stands in: one HTTP server for every node's exporter, an SSH server of asyncssh that starts each node's own gate
for each session, and a systemctl of a few lines of shell, since only a booted node has a systemd. All else is what runs
in production, with cluster.yml rendered by hale-cluster.
"""

import asyncio
import contextlib
import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncssh
import yaml

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".tools/usr"
PATIENCE = 60.0
PROMETHEUS, ALERTMANAGER, EXPORTERS, SSH, HEALER = 29090, 29093, 29100, 29022, 29595

SYSTEMCTL = """\
#!/bin/sh
# One file for each unit, as `systemctl show` prints it; a restart makes it active. It starts no other program to show.
verb=$1; [ "$verb" = --no-ask-password ] && verb=$2
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done; shift
here=${0%/*}/units
case $verb in
show) for one in "$@"; do while read -r line; do echo "$line"; done < "$here/$one" || exit 1; echo; done ;;
restart) sed -i s/=failed/=active/ "$here/$1" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Size:
    """So many nodes with so many services on each; `own_groups` gives each node's a group of its own."""

    nodes: int
    services: int
    own_groups: bool = False

    @property
    def names(self) -> list[str]:
        """The nodes' names."""
        return [f"n{number:03}" for number in range(1, self.nodes + 1)]

    def on(self, node: str) -> list[str]:
        """The names of a node's services."""
        prefix = f"{node}-" if self.own_groups else ""
        return [f"{prefix}s{number:03}" for number in range(1, self.services + 1)]


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
            _unit(self.directory / node, one, "failed")

    def tell_alertmanager(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Post alerts as Prometheus does."""
        post(
            f"http://127.0.0.1:{ALERTMANAGER}/api/v2/alerts",
            [{"labels": dict(one)} for one in alerts],
        )

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

    def ask(self, *words: str) -> Any:
        """Run a command of hale-healer against the running one."""
        argv = [
            str(ROOT / ".venv/bin/hale-healer"),
            *words,
            "--control",
            str(self.control),
            "--output",
            "json",
        ]
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if ran.returncode:
            raise RuntimeError(f"{' '.join(words)}: {ran.stdout}{ran.stderr}")
        return json.loads(ran.stdout)

    @property
    def control(self) -> Path:
        """The healer's control socket."""
        return self.directory / "ctl.sock"

    def memory_mib(self) -> float:
        """The healer's resident memory at its highest (VmHWM of /proc/PID/status)."""
        return self._status("VmHWM") / 1024

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


def post(url: str, body: object) -> int:
    """POST JSON; return the status."""
    request = urllib.request.Request(  # noqa: S310 -- our own URL
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 -- our own URL
        return int(answer.status)


def get(url: str) -> Any:
    """GET JSON."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 -- our own URL
        return json.loads(answer.read())


def until(true: Callable[[], bool], what: str, pause: float = 0.05) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(pause)


def _count(answer: Any) -> float:
    found = answer["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


@contextmanager
def plant(size: Size, directory: Path, *, mode: str = "act") -> Iterator[Plant]:
    """Start everything, the healer armed; end everything after the block."""
    made = Plant(size, directory)
    # Whoever stops a benchmark stops what it started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        _write(made, mode)
        stack.enter_context(_exporters(made))
        stack.enter_context(running(directory, "gates", sys.executable, __file__, str(directory)))
        until((directory / "known_hosts").exists, "the SSH server")
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


@contextmanager
def running(directory: Path, name: str, *argv: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


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


def _write(made: Plant, mode: str) -> None:
    directory, size = made.directory, made.size
    (directory / "cluster.yml").write_text(
        yaml.safe_dump(_cluster(size, directory, mode), sort_keys=False)
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
        _node(directory / node, out / node / "etc/hale/gate.json", size.on(node))
    (directory / "known_hosts").unlink(missing_ok=True)
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


def _cluster(size: Size, directory: Path, mode: str) -> dict[str, Any]:
    names = size.names
    address = {name: f"127.0.1.{number}" for number, name in enumerate(names, 1)}
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
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
        },
    }


def _numbers(size: Size) -> dict[str, Any]:
    """Production's numbers, but that one by one each node of its own group may be treated."""
    if not size.own_groups:
        return {}
    most = {"node": 1000, "group": 1000, "cluster": 1000, "window": "1h"}
    return {"budget": most, "owner_settled": {"service": "1s"}}


def _node(home: Path, gate_json: Path, services: Sequence[str]) -> None:
    for name in ("state", "run", "bin/units"):
        (home / name).mkdir(parents=True, mode=0o700)
    config = json.loads(gate_json.read_text())
    config["spacing_seconds"] = dict.fromkeys(config["spacing_seconds"], 0.001)
    (home / "gate.json").write_text(json.dumps(config))
    (home / "bin/systemctl").write_text(SYSTEMCTL)
    (home / "bin/systemctl").chmod(0o700)
    for service in services:
        _unit(home, service, "active")


def _unit(home: Path, service: str, state: str) -> None:
    long_ago = 1_000_000  # microseconds after boot: systemd's own time is over
    lines = {
        "Id": f"{service}.service",
        "LoadState": "loaded",
        "ActiveState": state,
        "SubState": "failed" if state == "failed" else "running",
        "Result": "exit-code" if state == "failed" else "success",
        "InvocationID": "a" * 32,
        "NRestarts": "0",
        "StateChangeTimestampMonotonic": str(long_ago),
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    (home / "bin/units" / f"{service}.service").write_text(text)


# --- Exporters ------------------------------------------------------------------------------


@contextmanager
def _exporters(made: Plant) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            node = self.path[1:]
            group = f"{node}-group" if made.size.own_groups else "all"
            names = made.size.names
            peer = names[(names.index(node) + 1) % len(names)] if node in names else names[0]
            lines = [f'hale_peer_up{{peer="{peer}"}} 1']
            for service in made.size.on(node) if node in names else ():
                up = int((node, service) not in made.down)
                lines.append(f'hale_service_up{{service="{service}",service_group="{group}"}} {up}')
            body = ("\n".join(lines) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    with Server(("127.0.0.1", EXPORTERS), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


# --- Gates ----------------------------------------------------------------------------------


async def serve_gates(directory: Path) -> None:
    """Serve every node's gate over ssh: which one is told by the address that is asked."""
    size = len(list(directory.glob("n*/gate.json")))  # noqa: ASYNC240 -- before anything is served
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key.write_private_key(directory / "healer_key")
    (directory / "healer_key").chmod(0o600)
    client_key.write_public_key(directory / "gate_keys")
    nodes = {f"127.0.1.{number}": f"n{number:03}" for number in range(1, size + 1)}

    async def bridge(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        node = nodes[process.get_extra_info("sockname")[0]]
        home = directory / node
        paths = {"--config": "gate.json", "--state": "state", "--run": "run"}
        argv = [word for option, name in paths.items() for word in (option, str(home / name))]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gate.cli", "serve", *argv),
            cwd=ROOT,
            env={"PATH": f"{home}/bin:{os.environ['PATH']}"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        asking = asyncio.create_task(_ask(process.stdin, child.stdin))
        try:
            while block := await _pipe(child.stdout).read(65536):
                if b'"begun"' in block:
                    with (directory / "begun").open("a") as told:
                        told.write(f"{node} {time.clock_gettime(time.CLOCK_BOOTTIME)}\n")
                process.stdout.write(block)
                await process.stdout.drain()
            process.exit(await child.wait())
        except (asyncssh.Error, OSError):
            pass  # the healer hung up
        finally:
            asking.cancel()
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    server = await asyncssh.listen(
        "",
        SSH,
        server_host_keys=[host_key],
        authorized_client_keys=str(directory / "gate_keys"),
        process_factory=bridge,
        encoding=None,
    )
    public = host_key.export_public_key().decode().strip()
    pinned = "".join(f"[{address}]:{SSH} {public}\n" for address in nodes)
    (directory / "known_hosts.new").write_text(pinned)
    (directory / "known_hosts.new").rename(directory / "known_hosts")
    async with server:
        await asyncio.Event().wait()


async def _ask(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter | None) -> None:
    if sink is None:
        return
    try:
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    except (asyncssh.Error, OSError):
        pass  # the healer hung up
    sink.close()


def _pipe(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise RuntimeError("no pipe")
    return stream


if __name__ == "__main__":
    asyncio.run(serve_gates(Path(sys.argv[1])))
