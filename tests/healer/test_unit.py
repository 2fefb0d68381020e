"""The unit that systemd runs agrees with the command and with docs/contracts.md."""

import configparser
import shlex
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from healer import cli

FOLDER = files("healer").joinpath("systemd")


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(FOLDER.joinpath("hale-healer.service").read_text())
    return parser


def test_the_unit_runs_the_command_with_its_defaults() -> None:
    program, *argv = shlex.split(unit()["Service"]["ExecStart"])
    args = cli._parser().parse_args(argv)
    assert program == "/opt/hale/bin/hale-healer"
    assert (args.command, args.config) == ("run", Path("/etc/hale/cluster.yml"))
    assert args.control == Path("/run") / unit()["Service"]["RuntimeDirectory"] / "ctl.sock"
    assert args.listen == ":9595"


def test_it_is_nobody_else_and_keeps_its_state_to_itself() -> None:
    service = unit()["Service"]
    assert service["User"] == service["Group"] == service["StateDirectory"] == "hale-healer"
    assert service["StateDirectoryMode"] == service["RuntimeDirectoryMode"] == "0700"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert "u     hale-healer " in FOLDER.joinpath("sysusers.conf").read_text()
    assert "/var/lib/hale-healer 0700 hale-healer" in FOLDER.joinpath("tmpfiles.conf").read_text()


def test_systemd_understands_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    text = FOLDER.joinpath("hale-healer.service").read_text()
    path = tmp_path / "hale-healer.service"
    path.write_text(text.replace("/opt/hale/bin/hale-healer", "/bin/true"))
    argv = ["systemd-analyze", "verify", "--man=no", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
