"""Nodes on loopback for benchmarks, which are only numbers: their exporters, their units, and sshd before their gates.

What stands in: one HTTP server for every node's exporter, and a systemctl of a few lines of shell, since only a booted
node has a systemd. Debian's sshd and each node's own gate are what runs in production.
"""

import http.server
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from loopback import PATIENCE, TOOLS, running, until

EXPORTERS, SSH = 29100, 29022

SYSTEMCTL = """\
#!/bin/sh
# One file for each unit, which says what `systemctl show` prints; a restart makes it active.
verb=$1; [ "$verb" = --no-ask-password ] && verb=$2
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done; shift
here=${0%/*}/units
case $verb in
show) for one in "$@"; do . "$here/$one"; echo; done ;;
restart) sed -i s/=failed/=active/ "$here/$1" ;;
esac
"""


SSHD = """\
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/gate_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UseDNS no
PidFile none
MaxStartups 1000
LogLevel ERROR
ForceCommand {python} -S {session} {directory}
"""

# sshd wants a user and a directory of its own, which this machine need not have: a mount namespace has them. The
# gate's user is root there, since the state of every node is in one directory of root's.
OWN = """\
mount --bind "$0/passwd" /etc/passwd && mount -t tmpfs -o mode=755 run /run && mkdir /run/sshd && exec "$@"
"""
ACCOUNTS = """\
root:*:0:0::/root:/bin/sh
sshd:*:65534:65534::/run/sshd:/usr/sbin/nologin
hale-gate:*:0:0::/:/bin/sh
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


def make_node(home: Path, gate_json: Path, services: Sequence[str]) -> None:
    """Write what the gate of one node needs; its services are active."""
    for name in ("state", "run", "bin/units"):
        (home / name).mkdir(parents=True, mode=0o700)
    config = json.loads(gate_json.read_text())
    config["spacing_seconds"] = dict.fromkeys(config["spacing_seconds"], 0.001)
    (home / "gate.json").write_text(json.dumps(config))
    (home / "bin/systemctl").write_text(SYSTEMCTL)
    (home / "bin/systemctl").chmod(0o700)
    for service in services:
        set_unit(home, service, "active")


def set_unit(home: Path, service: str, state: str) -> None:
    """Let systemd say that a service is active or failed."""
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
    (home / "bin/units" / f"{service}.service").write_text(f"printf %s '{text}'")


# --- Exporters ---


@contextmanager
def exporters(size: Size, down: set[tuple[str, str]]) -> Iterator[None]:
    """Answer for every node's exporter; of the services in `down` it says that they do not serve."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            node = self.path[1:]
            group = f"{node}-group" if size.own_groups else "all"
            names = size.names
            peer = names[(names.index(node) + 1) % len(names)] if node in names else names[0]
            lines = [f'hale_peer_up{{peer="{peer}"}} 1']
            for service in size.on(node) if node in names else ():
                up = int((node, service) not in down)
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

        def handle_error(self, request: Any, client_address: Any) -> None:
            # Prometheus may end in the middle of a scrape, and is not there for the answer any more.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", EXPORTERS), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


# --- Gates ----------------------------------------------------------------------------------


def address(number: int) -> str:
    """The address of the node of that number, from 1 on."""
    return f"127.0.1.{number}"


@contextmanager
def sshd(size: Size, directory: Path) -> Iterator[None]:
    """Serve every node's gate over ssh: which one is told by the address that is asked."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    for name, key in (("host_key", host_key), ("healer_key", client_key)):
        key.write_private_key(directory / name)
        (directory / name).chmod(0o600)
    client_key.write_public_key(directory / "gate_keys")
    public = host_key.export_public_key().decode().strip()
    (directory / "known_hosts").write_text(
        "".join(f"[{address(number)}]:{SSH} {public}\n" for number, _ in enumerate(size.names, 1))
    )
    (directory / "passwd").write_text(ACCOUNTS)
    python, session = sys.executable, Path(__file__).with_name("session.py")
    config = SSHD.format(port=SSH, directory=directory, python=python, session=session)
    (directory / "sshd_config").write_text(config)
    # By its own path, since it starts itself anew for each connection.
    server = [str(TOOLS / "sbin/sshd"), "-D", "-e", "-f", str(directory / "sshd_config")]
    libraries = f"LD_LIBRARY_PATH={TOOLS}/lib/{os.uname().machine}-linux-gnu"
    argv = ["env", libraries, "unshare", "-m", "sh", "-c", OWN, str(directory), *server]
    with running(directory, "sshd", *argv):
        until(lambda: _greets(address(1)), "sshd")
        yield


def _greets(host: str) -> bool:
    with socket.create_connection((host, SSH), timeout=PATIENCE) as connection:
        return connection.recv(4) == b"SSH-"
