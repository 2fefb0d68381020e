"""A node with one backup of its own below a folder, and the real restic of .tools."""

import json
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backup import cli, config
from backup.job import Job
from backup.places import Places
from tests.backup.cheap_key import cheapen

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools/usr/bin"

Told = dict[str, Any]


@dataclass(frozen=True)
class Node:
    """Everything of it lies below `root`; what its units are told stands in `systemctl`'s diary."""

    root: Path

    @property
    def site(self) -> Path:
        return self.root / "srv/site"

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def places(self) -> Places:
        return Places(*(self.root / name for name in ("reports", "state", "run", "cache")))

    def configure(self, **changed: object) -> None:
        backup = {
            "tool": "restic",
            "paths": [str(self.site)],
            "excludes": ["*.tmp"],
            "repository": str(self.repository),
            "password_file": str(self.root / "key"),
            "environment_file": None,
            "keep": {"last": 3},
            "recovery_point_seconds": 3600,
            "recovery_time_seconds": 900,
            "check_parts": 2,
            "size_drop": 0.5,
            "drill_period_seconds": 86400,
            "scratch": str(self.root / "scratch"),
            "units": [],
            "rebuildable": False,
            **changed,
        }
        whole = {"v": 1, "cluster": "test", "node": "web1", "backups": {"site": backup}}
        (self.root / "backup.json").write_text(json.dumps(whole))

    def job(self) -> Job:
        found = config.load(self.root / "backup.json")
        return Job(found.backup("site"), found.node, self.places)

    def run(self, command: str, *words: str) -> int:
        p = self.places
        where = [
            f"--reports={p.reports}",
            f"--state={p.state}",
            f"--run={p.run}",
            f"--cache={p.cache}",
        ]
        name = () if command == "status" else ("site",)
        return cli.main([command, *name, *where, f"--config={self.root / 'backup.json'}", *words])

    def init(self) -> None:
        assert self.run("init") == 0
        cheapen(self.repository, b"a key")

    def report(self, kind: str) -> Told:
        told: Told = json.loads(self.places.report("site", kind).read_bytes())
        return told

    def listed(self) -> list[str]:
        return [one["id"] for one in json.loads(self.places.report("site", "restic").read_bytes())]

    def fill(self) -> None:
        (self.site / "pages").mkdir(parents=True)
        for number in range(20):
            (self.site / f"pages/{number}.html").write_text(f"page {number}\n" * 200)
        (self.site / "big").write_bytes(os.urandom(300_000))
        (self.site / "link").symlink_to("pages/1.html")
        (self.site / "left.tmp").write_text("not worth keeping")

    def tree(self) -> dict[str, bytes]:
        """Return every file below the site with what is in it."""
        return {
            str(path.relative_to(self.site)): path.read_bytes()
            for path in sorted(self.site.rglob("*"))
            if path.is_file()
        }

    def packs(self) -> list[Path]:
        """Return the repository's files with data, largest first."""
        packs = [path for path in (self.repository / "data").rglob("*") if path.is_file()]
        return sorted(packs, key=lambda path: -path.stat().st_size)


def program(folder: Path, name: str, text: str) -> None:
    """Put a program of our own before those of the machine."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def systemctl(root: Path, stops: bool = True) -> str:
    """Return a systemctl that keeps a diary; a unit is as the file `UNIT.state` has it, else active.

    Stopped it is inactive, and started active.
    """
    return f"""#!/bin/sh
for unit; do :; done
state={root}/$unit.state
case "$1" in
show) if [ -e "$state" ]; then cat "$state"; else echo active; fi; exit 0 ;;
stop) {"echo inactive" if stops else "exit 1;"} >"$state" ;;
start) echo active >"$state" ;;
esac
echo "$@" >>{root}/systemctl
"""


def make(root: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Make a node with a filled site and no repository yet."""
    if not (TOOLS / "restic").exists() and shutil.which("restic") is None:
        pytest.skip("restic is not here; run make tools")
    program(root / "bin", "systemctl", systemctl(root))
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{TOOLS}:{os.environ['PATH']}")
    node = Node(root)
    (root / "key").write_text("a key\n")
    node.fill()
    node.configure()
    return node
