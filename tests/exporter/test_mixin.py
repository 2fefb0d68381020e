"""node_exporter's own alerts, unchanged, on our series: each fires on a sick node and is silent on a well one.

The series, with their labels, are those of our golden expositions; a case only says how their values go. promtool runs
Prometheus' own engine over them.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.exporter.golden import GOLDEN
from tests.exporter.tools import find

pytestmark = pytest.mark.tools

MIXIN = Path(__file__).parent / "fixtures/mixin.yml"
RULES = yaml.safe_load(MIXIN.read_text())["groups"][0]["rules"]

TARGET = 'job="node",instance="web1:9100"'
MINUTES = 75
"""How long each case lasts: longer than any `for`."""


@dataclass(frozen=True)
class Case:
    """How values go, in promtool's notation (START+STEPxMINUTES, by a minute), on a sick node and on a well one.

    Attributes:
        alert: The name and the severity, since some of the alerts are there with two.
        sick: By the name of a metric, or the name and a matcher: all its series go like this.
    """

    alert: tuple[str, str]
    sick: dict[str, str]
    well: dict[str, str]


def _both(name: str, sick: dict[str, str], well: dict[str, str]) -> list[Case]:
    return [Case((name, severity), sick, well) for severity in ("warning", "critical")]


def _space(
    left: str, whole: str, falling: str, still: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return how a file system goes of whose `left` and `whole` there is less and less, or not."""
    rest = {whole: "1000+0", "node_filesystem_readonly": "0+0"}
    return {left: falling, **rest}, {left: still, **rest}


SPACE = ("node_filesystem_avail_bytes", "node_filesystem_size_bytes")
FILES = ("node_filesystem_files_free", "node_filesystem_files")
FILLING, FULL = ("150-1", "150+0"), ("20+0", "60+0")
CASES = [
    *_both("NodeFilesystemSpaceFillingUp", *_space(*SPACE, *FILLING)),
    *_both("NodeFilesystemAlmostOutOfSpace", *_space(*SPACE, *FULL)),
    *_both("NodeFilesystemFilesFillingUp", *_space(*FILES, *FILLING)),
    *_both("NodeFilesystemAlmostOutOfFiles", *_space(*FILES, *FULL)),
    *(
        Case(
            (f"NodeNetwork{way.capitalize()}Errs", "warning"),
            {f"node_network_{way}_errs_total": "0+2", f"node_network_{way}_packets_total": "0+100"},
            {f"node_network_{way}_errs_total": "7+0", f"node_network_{way}_packets_total": "0+100"},
        )
        for way in ("receive", "transmit")
    ),
    Case(
        ("NodeHighNumberConntrackEntriesUsed", "warning"),
        {"node_nf_conntrack_entries": "80+0", "node_nf_conntrack_entries_limit": "100+0"},
        {"node_nf_conntrack_entries": "70+0", "node_nf_conntrack_entries_limit": "100+0"},
    ),
    Case(
        ("NodeTextFileCollectorScrapeError", "warning"),
        {"node_textfile_scrape_error": "1+0"},
        {"node_textfile_scrape_error": "0+0"},
    ),
    Case(
        ("NodeClockSkewDetected", "warning"),
        {"node_timex_offset_seconds": "0.06+0.001"},
        {"node_timex_offset_seconds": "0.01+0"},
    ),
    Case(
        ("NodeClockNotSynchronising", "warning"),
        {"node_timex_sync_status": "0+0", "node_timex_maxerror_seconds": "16+0"},
        {"node_timex_sync_status": "1+0", "node_timex_maxerror_seconds": "1+0"},
    ),
    Case(
        ("NodeRAIDDegraded", "critical"),
        {"node_md_disks_required": "2+0", 'node_md_disks{state="active"}': "1+0"},
        {"node_md_disks_required": "2+0", 'node_md_disks{state="active"}': "2+0"},
    ),
    Case(
        ("NodeRAIDDiskFailure", "warning"),
        {'node_md_disks{state="failed"}': "1+0"},
        {'node_md_disks{state="failed"}': "0+0"},
    ),
    *_both(
        "NodeFileDescriptorLimit",
        {"node_filefd_allocated": "95+0", "node_filefd_maximum": "100+0"},
        {"node_filefd_allocated": "60+0", "node_filefd_maximum": "100+0"},
    ),
    Case(
        ("NodeCPUHighUsage", "info"),
        {
            'node_cpu_seconds_total{mode="user"}': "0+58",
            'node_cpu_seconds_total{mode="idle"}': "0+2",
        },
        {
            'node_cpu_seconds_total{mode="user"}': "0+2",
            'node_cpu_seconds_total{mode="idle"}': "0+58",
        },
    ),
    Case(
        ("NodeSystemSaturation", "warning"),
        {"node_load1": "5+0", 'node_cpu_seconds_total{mode="idle"}': "0+60"},
        {"node_load1": "3+0", 'node_cpu_seconds_total{mode="idle"}': "0+60"},
    ),
    Case(
        ("NodeMemoryMajorPagesFaults", "warning"),
        {"node_vmstat_pgmajfault": "0+36000"},
        {"node_vmstat_pgmajfault": "0+60"},
    ),
    Case(
        ("NodeMemoryHighUtilization", "warning"),
        {"node_memory_MemAvailable_bytes": "5+0", "node_memory_MemTotal_bytes": "100+0"},
        {"node_memory_MemAvailable_bytes": "50+0", "node_memory_MemTotal_bytes": "100+0"},
    ),
    Case(
        ("NodeDiskIOSaturation", "warning"),
        {"node_disk_io_time_weighted_seconds_total": "0+660"},
        {"node_disk_io_time_weighted_seconds_total": "0+60"},
    ),
    Case(
        ("NodeSystemdServiceFailed", "warning"),
        {'node_systemd_unit_state{state="failed"}': "1+0"},
        {'node_systemd_unit_state{state="failed"}': "0+0"},
    ),
    Case(
        ("NodeSystemdServiceCrashlooping", "warning"),
        {"node_systemd_service_restart_total": "0+1"},
        {"node_systemd_service_restart_total": "4+0"},
    ),
    Case(
        ("NodeBondingDegraded", "warning"),
        {"node_bonding_slaves": "2+0", "node_bonding_active": "1+0"},
        {"node_bonding_slaves": "2+0", "node_bonding_active": "2+0"},
    ),
]


def exposed(metric: str) -> list[str]:
    """Return the series of a metric as our golden expositions have them, as Prometheus keeps them of the job `node`.

    Args:
        metric: Its name, or its name and one label with the value that is wanted.
    """
    name, _, wanted = metric.rstrip("}").partition("{")
    text = "".join(file.read_text() for file in sorted(GOLDEN.glob("*.prom")))
    return [
        f"{name}{{{','.join(filter(None, [TARGET, labels]))}}}"
        for labels in re.findall(rf"^{name}(?:\{{(.*)\}})? \S+$", text, re.MULTILINE)
        if wanted in labels
    ]


def _series(values: dict[str, str]) -> list[dict[str, str]]:
    found = []
    for metric, value in values.items():
        series = exposed(metric)
        assert series, f"no collector of ours exposes {metric}"
        found += [{"series": one, "values": f"{value}x{MINUTES}"} for one in series]
    return found


def _test(case: Case, values: dict[str, str], firing: bool) -> dict[str, object]:
    name, severity = case.alert
    alert = f'ALERTS{{alertname="{name}",severity="{severity}",alertstate="firing"}}'
    asked = (
        f"absent({alert}) or vector(0)"
        if not firing
        else f"(count({alert}) > bool 0) or vector(-1)"
    )
    return {
        "name": f"{name} {severity} {'sick' if firing else 'well'}",
        "interval": "1m",
        "input_series": _series(values),
        "promql_expr_test": [
            {
                "expr": f"sum({asked})",
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }


def test_every_alert_of_the_mixin_has_its_case() -> None:
    alerts = [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]
    assert len(alerts) == 26
    assert sorted(alerts) == sorted(case.alert for case in CASES)


def test_each_fires_on_a_sick_node_and_is_silent_on_a_well_one(tmp_path: Path) -> None:
    tests = [
        _test(case, values, firing)
        for case in CASES
        for values, firing in ((case.sick, True), (case.well, False))
    ]
    file = tmp_path / "mixin.test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(MIXIN)], "evaluation_interval": "5m", "tests": tests})
    )
    done = subprocess.run(
        [find("promtool"), "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
