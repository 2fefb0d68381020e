"""What is rendered for a node that is backed up: hale-backup understands it, and so does systemd."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from backup import config
from cluster.schedule import Schedule
from gate import config as gate_config
from tests.cluster.examples import BACKUP
from tests.cluster.rendering import text_of, tree_of

TREE = tree_of(BACKUP)
UNITS = "web1/etc/systemd/system"


def test_hale_backup_reads_what_render_wrote() -> None:
    text = text_of(TREE, "web1/etc/hale/backup.json")
    found = config.parse(text.encode())
    assert (found.cluster, found.node) == ("backup", "web1")
    one = found.backup("site")
    assert one.paths == ("/srv/site",)
    assert one.excludes == ("*.tmp", "/srv/site/cache")
    assert one.keep == {"last": 24, "daily": 7}
    assert one.units == ("nginx.service",)
    assert (one.recovery_point, one.drill_period, one.check_parts) == (10800, 21600, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tool": "tar"}, "want restic"),
        ({"paths": ["relative"]}, "absolute path"),
        ({"paths": []}, "one at least"),
        ({"excludes": ["[a]"]}, "absolute path or a pattern"),
        ({"excludes": ["/srv/*"]}, "absolute path or a pattern"),
        ({"keep": {"last": 0}}, "a number from 1 on"),
        ({"size_drop": 2}, "0 to 1"),
        ({"rebuildable": "no"}, "true or false"),
        ({"other": 1}, "unknown key"),
    ],
)
def test_what_it_does_not_understand_is_refused_with_its_place(
    change: dict[str, object], said: str
) -> None:
    whole = json.loads(text_of(TREE, "web1/etc/hale/backup.json"))
    whole["backups"]["site"] |= change
    with pytest.raises(ValueError, match=f"backups.site.*{said}"):
        config.parse(json.dumps(whole).encode())


def test_a_node_without_backups_gets_nothing_of_it() -> None:
    assert not [file.place for file in TREE.of("mon1").files if "backup" in file.place]


def test_nothing_runs_where_the_repository_is_not_mounted() -> None:
    drop_in = text_of(TREE, f"{UNITS}/hale-backup@site.service.d/hale.conf")
    assert "AssertPathIsMountPoint=/mnt/backup\n" in drop_in
    assert "ReadWritePaths=-/mnt/backup/site\n" in drop_in


def test_a_drill_may_write_to_its_scratch_place() -> None:
    drop_in = text_of(TREE, f"{UNITS}/hale-backup-drill@site.service.d/hale.conf")
    assert "ReadWritePaths=-/var/lib/hale-backup/scratch\n" in drop_in


def test_timers_say_when_by_the_clusters_clocks() -> None:
    timer = text_of(TREE, f"{UNITS}/hale-backup-check@site.timer")
    assert "OnCalendar=Sat,Sun *-*-* 03:30:00 Europe/Vienna\n" in timer
    assert "RandomizedDelaySec=300\n" in text_of(TREE, f"{UNITS}/hale-backup@site.timer")


CALENDARS = [
    ({"every": "30s"}, 30),
    ({"every": "15m"}, 900),
    ({"every": "1h"}, 3600),
    ({"every": "6h"}, 21600),
    ({"every": "1d"}, 86400),
    ({"at": "02:30"}, 86400),
    ({"at": "02:30", "days": ["sun"]}, 604800),
    ({"at": "02:30", "days": ["mon", "fri"]}, 345600),
]


@pytest.mark.parametrize(("written", "gap"), CALENDARS)
def test_systemd_runs_it_as_seldom_as_we_say_and_no_seldomer(
    written: dict[str, object], gap: int
) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    schedule = Schedule.model_validate(written)
    assert schedule.gap == gap
    argv = ["systemd-analyze", "calendar", "--iterations=9", schedule.calendar("UTC")]
    said = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={"TZ": "UTC"}
    ).stdout
    shown = [line.partition(": ")[2] for line in said.splitlines() if "form" not in line]
    times = sorted({_seconds(line) for line in shown if line.endswith("UTC")})
    assert len(times) > 7
    assert max(later - earlier for earlier, later in pairwise(times)) == gap


def _seconds(text: str) -> int:
    argv = ["date", "-u", "+%s", "-d", text]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def test_systemd_accepts_the_units_with_what_is_rendered(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    folder = Path(__file__).parents[2] / "backup/systemd"
    for unit in ("hale-backup", "hale-backup-check", "hale-backup-drill"):
        name = f"{unit}@site.service"
        (tmp_path / name).write_text(
            (folder / f"{unit}@.service").read_text().replace("/usr/bin/hale-backup", "/bin/true")
        )
        there = tmp_path / f"{name}.d"
        there.mkdir()
        (there / "hale.conf").write_text(text_of(TREE, f"{UNITS}/{name}.d/hale.conf"))
        argv = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert name not in done.stderr, done.stderr


def test_the_gate_is_told_where_the_proof_of_each_backup_is() -> None:
    found = json.loads(text_of(TREE, "web1/etc/hale/gate.json"))["restores"]
    assert found == {
        "site": {
            "drill": "/var/lib/hale-backups/site.drill.json",
            "run": "/var/lib/hale-backups/site.run.json",
            "report": "/var/lib/hale-backups/site.restore.json",
            "period_seconds": 21600,
            "units": ["nginx.service"],
        }
    }
    assert gate_config.parse(text_of(TREE, "web1/etc/hale/gate.json").encode()).restores["site"]


def test_what_is_only_backed_up_no_gate_puts_back() -> None:
    tree = tree_of(BACKUP.replace("    restore: true\n", ""))
    assert json.loads(text_of(tree, "web1/etc/hale/gate.json"))["restores"] == {}
