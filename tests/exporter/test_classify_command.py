"""`hale-exporter classify`: one answer for each line, in order, whatever the lines are."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import cli

FAILURE = "EDAC MC1: 3 CE memory read error on DIMM_A1 (channel:1 slot:0)"
LINES = [
    f"[  912.004711] {FAILURE}",
    "all is well",
    "",
    "Jan  2 03:04:05 web1 myapp[12]: " + FAILURE,
    json.dumps({"MESSAGE": FAILURE, "_TRANSPORT": "kernel"}),
    "x" * 200_000,
    "turned \x1b[31m red",
]
KINDS = ["memory_hw", "benign", "benign", "benign", "memory_hw", "benign", "benign"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_text("\n".join(LINES))
    return path


def test_json_is_one_object_a_line_in_order(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", "--output", "json", str(log)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["failure_type"] for one in found] == KINDS
    assert found[0] == {
        "failure_type": "memory_hw",
        "cause": "corrected memory error",
        "device": "MC1",
        "entry": "edac-corrected",
        "form": "dmesg",
        "line": FAILURE,
    }
    assert found[4]["form"] == "journal"


def test_text_has_a_row_for_each_and_nothing_that_moves_a_cursor(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["classify", str(log)]) == 0
    out = capsys.readouterr().out
    rows = out.split("\n")[:-1]
    assert [row.split("  ")[0] for row in rows] == KINDS
    assert rows[0] == f"memory_hw  corrected memory error  MC1  edac-corrected  {FAILURE}"
    assert "\x1b" not in out


def test_only_failures_of_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(LINES).encode() + b"\n\xff\xfe\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert cli.main(["classify", "--only-failures", "-"]) == 0
    assert [row.split("  ")[0] for row in capsys.readouterr().out.splitlines()] == ["memory_hw"] * 2


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["classify", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert said == f"hale-exporter classify: {tmp_path / 'none'}: No such file or directory\n"
    assert cli.main(["classify", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


COMMAND = [str(Path(sys.executable).parent / "hale-exporter"), "classify"]


def test_whoever_reads_the_output_may_leave_before_its_end(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("all is well\n" * 100_000)
    with subprocess.Popen(
        [*COMMAND, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"benign")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize("lines", [1, 10_000])
def test_a_full_disk_is_told(tmp_path: Path, lines: int) -> None:
    """Of few lines it is noticed at the end only."""
    file = tmp_path / "log"
    file.write_text("all is well\n" * lines)
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*COMMAND, str(file)], stdout=full, stderr=-1, check=False)
    assert ended.returncode == 2
    said = "hale-exporter classify: standard output: No space left on device\n"
    assert ended.stderr.decode() == said


def test_a_closed_standard_output_is_told(log: Path) -> None:
    shell = ["sh", "-c", '"$@" >&-', "sh", *COMMAND, str(log)]
    ended = subprocess.run(shell, capture_output=True, check=False)
    said = b"hale-exporter classify: standard output: it is closed\n"
    assert (ended.returncode, ended.stderr) == (2, said)


def test_an_editor_s_mark_at_the_beginning_hides_no_line_s_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log"
    file.write_text(f"Jan  2 03:04:05 web1 myapp[12]: {FAILURE}\n", encoding="utf-8-sig")
    assert cli.main(["classify", "--output", "json", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["form"], told["failure_type"]) == ("syslog", "benign")


def test_a_locale_without_the_log_s_letters_changes_nothing_but_them(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes("grüße\n".encode() + bytes(range(256)))
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([*COMMAND, str(file)], capture_output=True, env=environment, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.splitlines()[0].endswith(rb"gr\xfc\xdfe")


def test_a_closed_standard_input_and_an_interrupt_are_no_bugs(tmp_path: Path) -> None:
    shell = ["sh", "-c", '"$@" <&-', "sh", *COMMAND, "-"]
    ended = subprocess.run(shell, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == b"hale-exporter classify: -: standard input is closed\n"
    pipe = subprocess.PIPE
    # Whoever runs these tests in the background of a shell ignores SIGINT, and hands that down.
    hears = ["env", "--default-signal=INT", *COMMAND, "-"]
    with subprocess.Popen(hears, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        process.stdin.write(b"all is well\n" * 500)  # no more than pipes hold
        process.stdin.flush()
        assert process.stdout is not None
        process.stdout.readline()  # it is at it
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1] == b""
    assert process.returncode == 130
