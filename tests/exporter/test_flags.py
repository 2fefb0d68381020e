"""Every flag of node_exporter is taken, or stands with its reason in the list of docs/exporter.md."""

import argparse
import re
import subprocess
from pathlib import Path

import pytest

from exporter import foreign
from exporter.cli import settings
from exporter.command_line import parser
from exporter.config import ConfigError
from tests.exporter.tools import ROOT, find

# By its source at 1.12.1: what kingpin takes on Linux, each with a word that it takes; the collectors' own switches
# are `foreign.COLLECTORS`.
FIXTURES = Path(__file__).parent / "fixtures"
FLAGS = (FIXTURES / "node_exporter-1.12.1-flags.txt").read_text().splitlines()
ALL = (*FLAGS, *(f"--collector.{name}" for name in sorted(foreign.COLLECTORS)))
PAGE = (ROOT / "docs/exporter.md").read_text()
LEFT_OUT = dict(re.findall(r"^\| `(--[\w.-]+)` \| (not here: .+) \|$", PAGE, re.MULTILINE))
ENDS = ("--help", "--help-long", "--version")


def taken(*words: str) -> argparse.Namespace | str:
    """Return what becomes of a command line, or what the command says as it ends."""
    try:
        return parser().taken(words)
    except SystemExit as end:
        return f"ends with {end.code}"


@pytest.mark.parametrize("flag", ALL)
def test_a_flag_of_node_exporter_is_taken_or_left_out_for_a_reason(flag: str) -> None:
    name = flag.partition("=")[0]
    expected = "ends with 2" if name in LEFT_OUT else "ends with 0" if name in ENDS else None
    answer = taken(flag)
    assert (answer if isinstance(answer, str) else None) == expected


def test_nothing_is_left_out_that_node_exporter_does_not_have() -> None:
    assert LEFT_OUT.keys() <= {flag.partition("=")[0] for flag in ALL}
    assert len(LEFT_OUT) > 5


@pytest.mark.parametrize("flag", [one for one in ALL if "=" in one and "fixtures" not in one])
def test_the_word_of_a_flag_may_stand_apart(flag: str) -> None:
    name, _, word = flag.partition("=")
    together, apart = taken(flag), taken(name, word)
    assert isinstance(together, argparse.Namespace)
    assert str(together) == str(apart)


@pytest.mark.parametrize("flag", [one for one in ALL if "=" not in one and one not in ENDS])
def test_a_switch_may_be_off_and_takes_no_value(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As kingpin: it refuses `--collector.cpu=true` with "unexpected true"."""
    off = f"--no-{flag.removeprefix('--')}"
    if flag != "--help-man":
        assert isinstance(taken(off), argparse.Namespace)
    assert taken(f"{flag}=true") == "ends with 2"
    if flag not in LEFT_OUT:  # and so there is nothing to switch off
        assert off in capsys.readouterr().err


@pytest.mark.tools
def test_debians_node_exporter_has_no_flag_that_is_neither_taken_nor_in_the_list() -> None:
    shown = subprocess.run(
        [find("prometheus-node-exporter"), "--help"], capture_output=True, text=True, check=False
    )
    theirs = set(re.findall(r"^ +(?:-\w, )?(--[\w.-]+)", shown.stdout + shown.stderr, re.M))
    assert len(theirs) > 100
    ours = {name for one in parser()._actions for name in one.option_strings}
    assert theirs - ours <= LEFT_OUT.keys()


def test_words_may_stand_in_a_file_as_kingpin_takes_them(tmp_path: Path) -> None:
    (tmp_path / "flags").write_text("# ours\n\n--collector.disable-defaults\n--collector.stat\n")
    found = parser().taken([f"@{tmp_path}/flags"])
    assert settings(found).enabled == {"stat"}


def test_statistics_of_netclass_want_netdev_off() -> None:
    both = ("--collector.netclass.netlink", "--collector.netclass_rtnl.with-stats")
    with pytest.raises(ConfigError, match="add --no-collector"):
        settings(parser().taken(both))
    assert "netclass" in settings(parser().taken([*both, "--no-collector.netdev"])).enabled
    settings(parser().taken(both[1:]))  # without netlink it shows nothing, as in node_exporter


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("--collector.net-dev", "unknown collector or flag --collector.net-dev: did you mean --collector.netdev?"),
        ("--web.listen-adress=:1", "unknown flag --web.listen-adress: did you mean --web.listen-address?"),
        ("-collector.cpu", "-collector.cpu: a flag begins with two dashes: write --collector.cpu"),
        ("--collector.cpu=true", "--collector.cpu is a switch and takes no value, saw 'true'"),
        ("status", "unexpected 'status': the one command is `classify`"),
        ("--path.procfs", "--path.procfs: expected one argument"),
        ("--collector.netdev.device-exclude=(", "'(': missing ), unterminated subpattern at position 0"),
        ("--collector.perf", "node_exporter has it, hale-exporter has not: leave it out, or run both"),
        ("@/nowhere", "No such file or directory: '/nowhere'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line_with_what_to_write(
    word: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken(word) == "ends with 2"
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("hale-exporter: ")
    assert says in first
    assert last == "hale-exporter --help shows every flag"
