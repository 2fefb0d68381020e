"""A real Prometheus and a real Alertmanager on loopback, watching one small target."""

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]

METRICS = r"""# TYPE hale_service_up gauge
hale_service_up{service="nginx",service_group="web"} 0
hale_service_up{service="we\"i\\r\nd",service_group="web"} 1
# TYPE hale_peer_up gauge
hale_peer_up{peer="web2"} 1
hale_peer_up{peer="web3"} 0
# TYPE hale_failure gauge
hale_failure{failure="disk",device="sda",cause="medium",weight="grave",witness="kernel"} 1
hale_failure{failure="oom",device="",cause="killed",weight="grave",witness="kernel"} 1
# TYPE hale_mark_timestamp_seconds gauge
hale_mark_timestamp_seconds{mark="pool.drain",subject="web/web3",owner_kind="person"} 1.8e+09
# TYPE keepalived_vrrp_state gauge
keepalived_vrrp_state{iname="a",intf="eth0",vrid="50",ip_address="10.0.0.100"} 0
keepalived_vrrp_state{iname="b",intf="eth0",vrid="51",ip_address="10.0.0.101"} 1
keepalived_vrrp_state{iname="c",intf="eth0",vrid="52",ip_address="10.0.0.102"} 2
keepalived_vrrp_state{iname="d",intf="eth0",vrid="53",ip_address="10.0.0.103"} 3
"""

GOLDEN = ROOT / "tests/exporter/fixtures/golden"
HARDWARE = "".join(
    (GOLDEN / f"{one}.prom").read_text()
    for one in ("dmi", "edac", "ipmi", "pcie", "smartctl-nvme-failing")
)
"""What the exporter tells of a machine's hardware."""

BY = "(cluster, node, group, failure_domain, service)"
RULES = {
    "groups": [
        {
            "name": "test",
            "interval": "200ms",
            "rules": [
                {
                    "alert": "ServiceDown",
                    "expr": f"max (hale_service_up == 0) by {BY}",
                    "labels": {"severity": "critical", "heal": "restart-service"},
                },
                {
                    "alert": "SlowTrouble",
                    "expr": f"max (hale_service_up == 1) by {BY}",
                    "for": "1h",
                    "labels": {"severity": "warning", "heal": "none"},
                },
                {
                    "record": "hale:failure_domain_nodes_lost",
                    "expr": "vector(2)",
                    "labels": {"cluster": "first", "failure_domain": "rack-b"},
                },
                {
                    "alert": "DomainLost",
                    "expr": "max (hale:failure_domain_nodes_lost > 1) by (cluster, failure_domain)",
                    "for": "1h",
                    "labels": {"severity": "critical", "heal": "none"},
                },
                {"record": "test:changes:5m", "expr": "changes(hale_service_up[5m] offset 30s)"},
                {
                    "alert": "Flaps",
                    "expr": f"max (max_over_time(test:changes:5m[1m]) > 1000) by {BY}",
                },
                {
                    "alert": "DiskFailing",
                    "expr": f"max (smartctl_device_smart_healthy == 0) by {BY}",
                    "labels": {"severity": "critical", "heal": "move-away", "failure": "disk"},
                },
                {
                    "alert": "Watchdog",
                    "expr": 'label_replace(vector(1), "cluster", "first", "", "")',
                },
            ],
        }
    ]
}


def program(name: str) -> str:
    """Find one of the programs that `make tools` unpacks."""
    unpacked = ROOT / ".tools/usr/bin" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    assert found, f"no {name} at {unpacked} or on the PATH; run `make tools`"
    return found


def alertmanager_command() -> list[str]:
    """Return the argv that starts Alertmanager.

    Debian's reads its default template from /usr/share and from nowhere else, so where it is only unpacked
    it runs in a mount namespace of its own that has the unpacked /usr/share.
    """
    found = program("prometheus-alertmanager")
    share = Path(found).parents[1] / "share"
    if share == Path("/usr/share"):
        return [found]
    own = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = 'mount --bind "$0" /usr/share && exec "$@"'
    return [*own, "sh", "-c", mount, str(share), found]


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Monitoring:
    """Bases of both URLs, and the disks whose health the target tells; a test may take one away."""

    prometheus: str
    alertmanager: str
    disks: list[str]


@contextmanager
def exposing(tell: Callable[[str], str]) -> Iterator[int]:
    """Serve what `tell` says of each path, as an exporter does; the block is given the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = tell(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def target(disks: list[str]) -> Iterator[int]:
    """Serve METRICS as an exporter does, and of each of these disks that it is well."""

    def told(_: str) -> str:
        well = (f'smartctl_device_smart_healthy{{device="{one}"}} 1\n' for one in disks)
        return METRICS + HARDWARE + "".join(well)

    with exposing(told) as port:
        yield port


@contextmanager
def running(*argv: str, directory: Path, ready: str) -> Iterator[None]:
    """Run a program until the end of the block; it is ready when `ready` answers."""
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=directory, stdout=log, stderr=log)
    with process:
        try:
            deadline = time.monotonic() + 30
            while not answers(ready):
                assert process.poll() is None, (directory / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, f"{argv[0]} was not ready within 30 s"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  # ours, on loopback
            return response.status == 200
    except OSError:
        return False


@contextmanager
def monitoring(directory: Path) -> Iterator[Monitoring]:
    """Run both, with Prometheus sending to Alertmanager."""
    with ExitStack() as stack:
        disks = ["sda", "sdb"]
        exporter = stack.enter_context(target(disks))
        prometheus, alertmanager = free_port(), free_port()
        common = {"cluster": "first", "group": "web"}
        config = {
            "global": {
                "scrape_interval": "200ms",
                "scrape_timeout": "200ms",
                "evaluation_interval": "200ms",
                "external_labels": {"cluster": "first"},
            },
            "rule_files": ["rules.yml"],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
            },
            "scrape_configs": [
                {
                    "job_name": "node",
                    "static_configs": [
                        {
                            "targets": [f"127.0.0.1:{exporter}"],
                            "labels": common | {"node": "web1", "failure_domain": "rack-b"},
                        },
                        {
                            "targets": ["127.0.0.1:1"],
                            "labels": common | {"node": "web2", "failure_domain": "rack-c"},
                        },
                    ],
                }
            ],
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        (directory / "rules.yml").write_text(yaml.safe_dump(RULES))
        (directory / "alertmanager.yml").write_text(
            yaml.safe_dump({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})
        )
        stack.enter_context(
            running(
                *alertmanager_command(),
                "--config.file=alertmanager.yml",
                "--storage.path=am",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
                directory=directory,
                ready=f"http://127.0.0.1:{alertmanager}/-/ready",
            )
        )
        stack.enter_context(
            running(
                program("prometheus"),
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{prometheus}",
                # The first sending comes before Alertmanager is discovered; do not wait a minute for the next.
                "--rules.alert.resend-delay=1s",
                directory=directory,
                ready=f"http://127.0.0.1:{prometheus}/-/ready",
            )
        )
        urls = (f"http://127.0.0.1:{port}" for port in (prometheus, alertmanager))
        yield Monitoring(*urls, disks)
