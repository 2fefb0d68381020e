"""The command as people and systemd start it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.cli import _parser, _settings, main

MODULE = [sys.executable, "-m", "exporter.cli"]
PATIENCE = 20  # seconds
ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "exporter/systemd/hale-exporter.service").read_text()


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *flags], capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT, check=False
    )


@contextmanager
def started(*flags: str) -> Iterator[subprocess.Popen[str]]:
    """Run it until the test has had enough; it listens once it has said so."""
    process = subprocess.Popen(
        [*MODULE, "--web.listen-address=127.0.0.1:0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NOTIFY_SOCKET": ""},
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "event=exporter.started" in line, line
        yield process
    finally:
        process.kill()
        process.communicate()


def test_sigterm_ends_it_well() -> None:
    with started("--collector.disable-defaults", "--collector.stat") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_sighup_reads_exporter_yml_anew_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    config = tmp_path / "exporter.yml"
    config.write_text("cluster: first\nnode: web1\n")
    with started(f"--config.file={config}") as process:
        assert process.stderr is not None
        config.write_text("cluster: first\n")
        process.send_signal(signal.SIGHUP)
        line = process.stderr.readline()
        assert 'problem="exporter.yml:1:1: missing: node"' in line
        config.write_text("cluster: first\nnode: web2\n")
        process.send_signal(signal.SIGHUP)
        assert "event=config.loaded" in process.stderr.readline()


def test_a_wrong_exporter_yml_is_refused_at_the_start_with_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "exporter.yml").write_text("cluster: first\nservices: 1\n")
    ended = run(f"--config.file={tmp_path}/exporter.yml")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        "exporter.yml:1:1: missing: node",
        "exporter.yml:2:11: services: wanted a list, saw '1'",
    ]


def test_an_address_of_nobody_is_told() -> None:
    ended = run("--web.listen-address=192.0.2.1:1", "--collector.disable-defaults")
    assert ended.returncode == 1
    assert "192.0.2.1" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "flag",
    [
        "--web.listen-address=9100",
        "--web.listen-address=:70000",
        "--web.telemetry-path=metrics",
        "--web.max-requests=-1",
        "--collector.filesystem.fs-types-exclude=(",
        "--collector.filesystem.mount-timeout=5",
        "--collector.unheard-of",
        "--log.level=loud",
    ],
)
def test_a_flag_that_cannot_be_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([flag])
    assert flag.split("=")[0].removeprefix("--") in capsys.readouterr().err


def test_systemd_is_asked_unless_the_machine_is_said_to_have_none() -> None:
    flags = ([], ["--collector.services.without-systemd"])
    assert [_settings(_parser().parse_args(one)).without_systemd for one in flags] == [False, True]


def test_help_has_an_example_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert "example:" in text
    assert "exit status:" in text


def test_the_unit_shows_the_exporter_the_node_and_not_a_sandbox() -> None:
    """These would have it measure file systems, processes and names of its own."""
    settings = [row for row in UNIT.splitlines() if row and not row.startswith("#")]
    for hidden in ("PrivateTmp=yes", "ProtectHome=yes", "ProtectHome=tmpfs", "ProtectHostname=yes"):
        assert hidden not in settings
    assert not [row for row in settings if row.startswith(("ProtectProc=", "PrivateNetwork="))]


def test_the_unit_starts_the_command_as_its_own_user() -> None:
    assert "ExecStart=/opt/hale/bin/hale-exporter --config.file=/etc/hale/exporter.yml\n" in UNIT
    assert "User=hale-exporter\n" in UNIT
    assert "Type=notify\n" in UNIT
