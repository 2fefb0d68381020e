"""The command line: every command explains itself, and errors are one line and a status."""

import json
from pathlib import Path

import pytest

from lab import cli

COMMANDS = ["check", "up", "down", "status", "exec", "fault", "drill", "demo", "soak"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"example: hale-lab {command}" in capsys.readouterr().out


def test_an_unknown_scenario_ends_with_status_2_and_the_known_ones(capsys):
    assert cli.main(["--id", "unit", "up", "frist"]) == 2
    assert "first" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["", "UPPER", "9a", "a-b", "x" * 13, "../../etc"])
def test_an_id_that_could_not_stand_in_a_name_is_refused(wrong, capsys):
    assert cli.main(["--id", wrong, "status"]) == 2
    assert "--id" in capsys.readouterr().err


def test_a_lab_that_is_not_up_has_no_nodes(capsys):
    assert cli.main(["--id", "unit", "status", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("command", [["exec", "web1", "true"], ["fault", "web1", "link.down"]])
def test_nothing_can_be_asked_of_a_lab_that_is_not_up(command, capsys):
    assert cli.main(["--id", "unit", *command]) == 2
    assert "hale-lab up" in capsys.readouterr().err


def test_what_is_missing_can_be_read_by_a_machine(capsys):
    cli.main(["check", "--output", "json"])
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_a_commands_own_dashes_reach_the_node(dashes):
    words = cli.parser().parse_args(
        ["exec", "web1", *dashes, "env", "-i", "--", "sh", "-c", "true"]
    )
    assert words.node == "web1"
    assert words.argv == ["env", "-i", "--", "sh", "-c", "true"]


def test_exec_without_a_command_says_so(capsys):
    assert cli.main(["exec", "web1"]) == 2
    assert "wanted a command" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["soon", "0s", "-1m"])
def test_a_soak_of_no_time_is_refused(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["soak", "web-tier", f"--for={wrong}"])
    assert ended.value.code == 2
    assert "--for" in capsys.readouterr().err


def test_a_scenario_without_a_load_cannot_be_soaked(capsys):
    bare = Path(__file__).parent / "scenarios/bare"
    assert cli.main(["--id", "unit", "soak", str(bare), "--for", "1s"]) == 2
    assert "lab.yml: load: name at least one URL" in capsys.readouterr().err
