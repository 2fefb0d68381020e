"""The command as people and systemd start it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter import foreign
from exporter.cli import main
from exporter.cli import settings as settings_of
from exporter.command_line import parser
from exporter.inventory.bus import EXCLUDE
from exporter.inventory.kernel import SHOWN
from exporter.inventory.network import DEVICES
from exporter.inventory.storage import DISKS, PLACES, TYPES
from exporter.settings import DEFAULTS, Settings

MODULE = [sys.executable, "-m", "exporter.start"]
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
        assert f'problem="{config}:1:1: missing: node"' in line
        config.write_text("cluster: first\nnode: web2\n")
        process.send_signal(signal.SIGHUP)
        assert "event=config.loaded" in process.stderr.readline()


def test_a_wrong_exporter_yml_is_refused_at_the_start_with_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "exporter.yml").write_text("cluster: first\nservices: 1\n")
    ended = run(f"--config.file={tmp_path}/exporter.yml")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"{tmp_path}/exporter.yml:1:1: missing: node",
        f"{tmp_path}/exporter.yml:2:11: services: wanted a list, saw '1'",
    ]


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run(f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"hale-exporter: cannot listen on 127.0.0.1:{port}: address already in use: "
        "`ss -ltnp` shows whose it is; stop that, or choose another (--web.listen-address)"
    )


def test_a_file_that_is_not_there_is_told_with_what_to_look_at() -> None:
    ended = run("--config.file=/nowhere/exporter.yml")
    assert (ended.returncode, ended.stderr) == (
        2,
        "/nowhere/exporter.yml: cannot be read: No such file or directory; "
        "is the path right, and may this user read it?\n",
    )


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
        "--log.format=xml",
        "--path.procfs=/nowhere",
        "--path.sysfs=/etc/hostname",
        "--path.rootfs=",
        "--collector.perf",
        "--collector.systemd.unit-include=[[:alpha:]]+",
        "--collector.netdev.device-exclude=^[[:digit:]]",
    ],
)
def test_a_flag_that_cannot_be_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([flag])
    assert flag.split("=")[0].removeprefix("--") in capsys.readouterr().err


def settings(*flags: str) -> Settings:
    return settings_of(parser().taken(flags))


@pytest.mark.parametrize(
    "flag",
    [
        "--no-collector.perf",
        "--no-collector.ntp",
        "--no-collector.supervisord",
        "--collector.filesystem.stat-workers=8",
        "--runtime.gomaxprocs=2",
        "--no-collector.netdev.netlink",
    ],
)
def test_a_flag_of_node_exporter_that_changes_no_answer_is_taken_and_said(flag: str) -> None:
    assert parser().taken([flag]).ignored == (flag.split("=")[0],)
    assert settings(flag).enabled == DEFAULTS


def test_every_collector_of_node_exporter_may_be_switched_off() -> None:
    flags = [f"--no-collector.{name}" for name in foreign.COLLECTORS]
    assert not settings(*flags).enabled & foreign.COLLECTORS


def test_the_names_of_older_node_exporters_are_taken() -> None:
    given = settings(
        "--collector.filesystem.ignored-mount-points=^/srv",
        "--collector.filesystem.ignored-fs-types=^nfs",
        "--collector.diskstats.ignored-devices=^sd",
        "--collector.netdev.device-whitelist=^eth",
        "--collector.systemd.unit-blacklist=x.*",
    ).chosen
    assert not given.kept(PLACES).keeps("/srv")
    assert not given.kept(TYPES).keeps("nfs4")
    assert not given.kept(DISKS).keeps("sda")
    assert not given.kept(DEVICES).keeps("lo")
    assert given.of(EXCLUDE).pattern == "x.*"


def test_only_the_mount_points_that_are_asked_for_are_shown() -> None:
    given = settings("--collector.filesystem.mount-points-include=^/(srv|dev/shm)$").chosen
    shown = [at for at in ("/", "/srv", "/dev/shm") if given.kept(PLACES).keeps(at)]
    assert shown == ["/srv", "/dev/shm"]


def test_an_empty_expression_shows_what_node_exporter_shows() -> None:
    """Roles of configuration managers write `--flag=` where a variable is empty."""
    given = settings(
        "--collector.netdev.device-include=",
        "--collector.diskstats.device-exclude=",
        "--collector.vmstat.fields=",
    ).chosen
    assert given.kept(DEVICES).keeps("eth0")
    assert given.kept(DISKS).keeps("loop0")
    assert given.of(SHOWN).search("nr_free_pages")


def test_an_empty_name_of_a_file_is_none() -> None:
    given = settings("--web.config.file=", "--config.file=")
    assert (given.web_config_file, given.config_file) == (None, None)


def test_the_log_is_json_where_that_is_asked_for() -> None:
    ended = run("--log.format=json", "--web.listen-address=192.0.2.1:1", "--no-collector.perf")
    assert json.loads(ended.stderr.splitlines()[0]) == {
        "event": "flag.ignored",
        "flag": "--no-collector.perf",
        "level": "info",
        "reason": "there is nothing here that it changes",
    }


def test_systemd_is_asked_unless_the_machine_is_said_to_have_none() -> None:
    flags: tuple[list[str], ...] = ([], ["--collector.services.without-systemd"])
    assert [settings_of(parser().taken(one)).without_systemd for one in flags] == [False, True]


def test_help_has_an_example_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert text.startswith(
        "usage: hale-exporter [--FLAG ...]\n       hale-exporter classify FILE\n"
    )
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
