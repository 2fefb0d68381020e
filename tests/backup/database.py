"""A database with one member, its repository and its Patroni's word, on the real PostgreSQL and pgBackRest."""

import json
import os
import pwd
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backup import cli, config
from backup.places import Places
from backup.postgres.job import StanzaJob
from backup.postgres.stanza import Stanza
from backup.program import account
from tests.backup.node import program

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools/usr/bin"

Told = dict[str, Any]


def programs(folder: Path) -> Path:
    """Return where initdb and its like are: those of .tools, which need its libraries, or the machine's.

    Args:
        folder: Where to put what starts those of .tools.
    """
    if not ((TOOLS / "pgbackrest").exists() or shutil.which("pgbackrest")):
        pytest.skip("pgbackrest is not here; run make tools")
    for real in sorted(ROOT.glob(".tools/usr/lib/postgresql/*/bin")):
        libraries = ":".join(map(str, ROOT.glob(".tools/usr/lib/*-linux-gnu")))
        for each in (*real.iterdir(), TOOLS / "pgbackrest"):
            text = f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {each} "$@"\n'
            program(folder, each.name, text)
        return folder
    for real in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if (real / "initdb").exists() and (real / "pg_amcheck").exists():
            return real
    pytest.skip("postgresql-15 is not here; run make tools")


def user() -> str:
    """Return whom PostgreSQL runs as, which refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class _Patroni(BaseHTTPRequestHandler):
    """Answers what it is told to."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def patroni() -> Iterator[tuple[str, type[_Patroni]]]:
    """Serve `/leader`; set `status` of the class that is returned."""

    class Own(_Patroni):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/leader", Own
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Database:
    """Everything of it lies below `root`.

    Attributes:
        answers: What its Patroni answers; set `status`.
    """

    root: Path
    bin: Path
    url: str
    answers: type[_Patroni]

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def places(self) -> Places:
        return Places(*(self.root / name for name in ("reports", "state", "run", "cache")))

    def configure(self, **changed: object) -> None:
        stanza = {
            "tool": "pgbackrest",
            "data_dir": str(self.data),
            "socket_dir": str(self.root),
            "port": 5499,
            "programs": str(self.bin),
            "user": user(),
            "configuration": str(self.root / "pgbackrest"),
            "leader_url": self.url,
            "alone": True,
            "full_every_seconds": 3600,
            "recovery_point_seconds": 300,
            "recovery_time_seconds": 900,
            "size_drop": 0.5,
            "drill_period_seconds": 86400,
            "scratch": str(self.root / "scratch"),
            **changed,
        }
        whole = {"v": 1, "cluster": "test", "node": "db1", "backups": {"main": stanza}}
        (self.root / "backup.json").write_text(json.dumps(whole))

    def write_key(self, key: str) -> None:
        file = self.root / "pgbackrest/conf.d/main-secrets.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[main]\nrepo1-cipher-pass={key}\n")

    def as_user(self, *argv: object, check: bool = True) -> str:
        one = account(user())
        done = subprocess.run(
            [str(each) for each in argv],
            user=one.uid if os.geteuid() == 0 else None,
            group=one.gid if os.geteuid() == 0 else None,
            extra_groups=one.groups if os.geteuid() == 0 else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def sql(self, text: str) -> str:
        where = ("-h", self.root, "-p", "5499", "-U", "postgres", "-d", "postgres")
        return self.as_user(self.bin / "psql", "-XAtq", *where, "-c", text).strip()

    def start(self) -> None:
        log = self.root / "log"
        self.as_user(self.bin / "pg_ctl", "start", "-w", "-D", self.data, "-l", log)

    def stop(self) -> None:
        for data in (self.root / "follower/data", self.data):
            stop = ("stop", "-w", "-m", "immediate", "-D", data)
            self.as_user(self.bin / "pg_ctl", *stop, check=False)

    def follow(self) -> None:
        """Start a standby of it, which listens in `follower`."""
        folder = self.root / "follower"
        folder.mkdir()
        shutil.chown(folder, user())
        primary = ("-h", self.root, "-p", "5499", "-U", "postgres")
        self.as_user(
            self.bin / "pg_basebackup", *primary, "-R", "-c", "fast", "-D", folder / "data"
        )
        options = f"-c unix_socket_directories={folder}"
        where = ("-D", folder / "data", "-l", folder / "log", "-o", options)
        self.as_user(self.bin / "pg_ctl", "start", "-w", *where)

    def wait_for_follower(self) -> None:
        """Wait until it has replayed all that there is now."""
        wanted = self.sql("SELECT pg_current_wal_lsn()")
        where = ("-h", self.root / "follower", "-p", "5499", "-U", "postgres", "-d", "postgres")
        ask = f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'"
        until = time.monotonic() + 30
        while self.as_user(self.bin / "psql", "-XAtq", *where, "-c", ask).strip() != "t":
            assert time.monotonic() < until
            time.sleep(0.1)

    def archived(self) -> None:
        """Have all that was written so far in the archive."""
        assert self.run("check") == 0

    def run(self, command: str, *words: str) -> int:
        p = self.places
        where = [f"--reports={p.reports}", f"--state={p.state}", f"--run={p.run}"]
        name = () if command == "status" else ("main",)
        file = f"--config={self.root / 'backup.json'}"
        return cli.main([command, *name, *where, f"--cache={p.cache}", file, *words])

    def job(self) -> StanzaJob:
        one = config.load(self.root / "backup.json").backup("main")
        assert isinstance(one, Stanza)
        return StanzaJob(one, self.places)

    def report(self, kind: str) -> Told:
        told: Told = json.loads(self.places.report("main", kind).read_bytes())
        return told

    def labels(self) -> list[str]:
        (stanza,) = json.loads(self.places.report("main", "pgbackrest").read_bytes())
        return [one["label"] for one in stanza["backup"]]


_CONFIGURATION = """\
[global]
log-level-file=off
log-level-console=off
log-level-stderr=warn
lock-path={root}/lock
compress-type=zst
start-fast=y
archive-timeout=10
[main]
pg1-path={root}/data
pg1-port=5499
pg1-socket-path={root}
pg1-user=postgres
repo1-path={root}/repository
repo1-cipher-type=aes-256-cbc
repo1-retention-full=2
"""

_SETTINGS = """\
port = 5499
listen_addresses = ''
unix_socket_directories = '{root}'
archive_mode = on
archive_command = '{pgbackrest} --config-path={root}/pgbackrest --stanza=main archive-push %p'
min_wal_size = 32MB
fsync = off
"""


@contextmanager
def made(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Make one that runs, with a stanza, a table of 1,000 rows and no backup yet."""
    root.chmod(0o755)
    folder = programs(root / "bin")
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{TOOLS}:{os.environ['PATH']}")
    pgbackrest = shutil.which("pgbackrest")
    with patroni() as (url, answers):
        one = Database(root, folder, url, answers)
        one.configure()
        one.write_key("a key")
        (root / "pgbackrest/pgbackrest.conf").write_text(_CONFIGURATION.format(root=root))
        for name in ("repository", "lock", "data"):
            (root / name).mkdir()
            shutil.chown(root / name, user())
        shutil.chown(root, user())
        one.as_user(folder / "initdb", "-D", one.data, "-k", "-A", "trust", "-U", "postgres", "-N")
        settings = _SETTINGS.format(root=root, pgbackrest=pgbackrest)
        with (one.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        one.start()
        try:
            assert one.run("init") == 0
            one.sql("CREATE TABLE t (id serial PRIMARY KEY, v text)")
            one.sql("INSERT INTO t (v) SELECT 'row ' || n FROM generate_series(1, 1000) n")
            yield one
        finally:
            one.stop()
