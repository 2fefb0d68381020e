"""What docs/collectors/backups.md has to copy, tried: the jobs that write a report, and the rules."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.exporter.backup_reports import CAPTURED, PAGE, shown, values
from tests.exporter.golden import GOLDEN
from tests.exporter.tools import find

JOBS = re.findall(r"^ExecStartPost=\+?/bin/sh -c '(.*)'$", PAGE.read_text(), re.M)
RESTIC, PGBACKREST = JOBS


@pytest.mark.parametrize(
    ("job", "tool", "says"),
    [(RESTIC, "restic", "restic-0.18"), (PGBACKREST, "pgbackrest", "pgbackrest-2.45")],
)
def test_what_the_page_has_a_job_do_writes_a_report_or_leaves_the_one_before(
    job: str, tool: str, says: str, folder: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    program(tools / tool, f"cat {CAPTURED / says}.json; exit $FAILS")
    program(tools / "runuser", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    line = job.replace("%H", "web1").replace("/var/lib/hale-backups", str(folder))
    before = os.umask(0o077)  # a job may well run with one
    try:
        assert run(line, tools, fails=0) == 0
    finally:
        os.umask(before)
    now = time.time()
    first = shown(folder, now)
    assert list(values(first, "report_readable").values()) == [1]
    assert run(line, tools, fails=1) != 0
    assert shown(folder, now) == first


@pytest.mark.tools
def test_the_rules_that_the_page_has_to_copy_are_rules_of_what_is_served(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    (tmp_path / "rules.yml").write_text(block[1])
    checked = [find("promtool"), "check", "rules", str(tmp_path / "rules.yml")]
    assert (
        "2 rules found"
        in subprocess.run(checked, check=True, capture_output=True, text=True).stdout
    )
    served = "".join(path.read_text() for path in GOLDEN.glob("backups-*.prom"))
    asked = set(re.findall(r"hale_backup_\w+", block[1]))
    assert asked <= set(re.findall(r"^# TYPE (\w+)", served, re.M))
    assert len(asked) == 2


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(line: str, tools: Path, fails: int) -> int:
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "FAILS": str(fails)}
    return subprocess.run(["/bin/sh", "-c", line], env=env, check=False).returncode
