"""Reports of backups, as restic, pgBackRest and hale-backup wrote them, and what is shown of a folder with some.

fixtures/backups is what restic 0.14 and 0.18 and pgBackRest 2.45 wrote of repositories made for it (2.55 writes the
same, byte for byte); drill.json is the example of docs/collectors/backups.md, check.json what
hale-backup wrote of a disk that changed a file, and check-database.json one of a database in its form.
"""

import json
import os
import re
from pathlib import Path

from exporter.collectors.backups import Backups

CAPTURED = Path(__file__).parent / "fixtures/backups"
PAGE = Path(__file__).parents[2] / "docs/collectors/backups.md"
WRITTEN = (
    1_795_809_600.0  # 2026-11-27 20:00 UTC, soon after the newest backup of the captured reports
)
FILES = sorted(path.stem for path in CAPTURED.glob("*.json"))


def report_of(name: str) -> str:
    """What a captured report is called in the folder."""
    return f"etc.{name.partition('-')[0]}.json"


def put(folder: Path, name: str, data: bytes, at: float = WRITTEN) -> Path:
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o644)
    os.utime(path, (at, at))
    return path


def captured(folder: Path, name: str, report: str = "") -> Path:
    return put(folder, report or report_of(name), (CAPTURED / f"{name}.json").read_bytes())


def shown(folder: Path, now: float = WRITTEN) -> str:
    return Backups(folder, lambda: now).read().decode()


def values(body: str, name: str) -> dict[str, float]:
    """The values of one family, by its labels but for `backup`."""
    found = re.findall(rf"^hale_backup_{name}{{(.*)}} (.*)$", body, re.MULTILINE)
    return {re.sub(r'backup="[^"]*",?', "", labels): float(value) for labels, value in found}


def snapshot(at: str, **more: object) -> dict[str, object]:
    return {"time": at, "paths": ["/etc"], "hostname": "web1", **more}


def of(*snapshots: object) -> bytes:
    return json.dumps(snapshots).encode()
