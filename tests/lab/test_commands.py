"""Programs end in time or are ended, and their failure says what was run."""

import pytest

from lab.commands import CommandFailed, completed, run
from lab.ports import LabError, TimedOut


def test_input_goes_in_and_output_comes_out():
    assert (
        completed(["cat"], timeout=10, stdin=b"hale\xff").stdout == "hale\N{REPLACEMENT CHARACTER}"
    )


def test_a_failure_names_the_command_its_status_and_its_last_words():
    with pytest.raises(CommandFailed, match=r"ls /nowhere: ended with status 2: .*No such file"):
        run("ls", "/nowhere")


def test_a_program_that_is_not_there_is_an_error_of_ours():
    with pytest.raises(LabError, match="no such program"):
        run("hale-no-such-program")


def test_a_program_that_hangs_is_killed_with_its_children():
    with pytest.raises(TimedOut, match="sleep 60"):
        completed(["sh", "-c", "sleep 60 & wait"], timeout=0.05)


def test_a_signal_reads_as_the_shell_reads_it():
    assert completed(["sh", "-c", "kill -9 $$"], timeout=10).code == 137


def test_the_users_environment_does_not_leak_in(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    assert "SECRET" not in run("env")
