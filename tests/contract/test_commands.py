"""Every command that a page tells people to run is one that the programs' own parsers take."""

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

import cluster.cli
import exporter.command_line
import gate.cli
import healer.cli
import lab.cli
from exporter.inventory import OFFERS
from tests.test_contract import ROOT

PARSERS = {
    "hale-cluster": cluster.cli._parser(),
    "hale-gate": gate.cli._parser(),
    "hale-healer": healer.cli._parser(),
    "hale-lab": lab.cli.parser(),
}
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("runbooks/*.md")}
    | set(ROOT.glob("scenarios/*/README.md"))
)
PROGRAM = f"(?:{'|'.join(PARSERS)})"


def commands(pattern: str) -> list[object]:
    """Return what `pattern` finds in the pages, one case a command."""
    return list(_commands(pattern))


def _commands(pattern: str) -> Iterator[object]:
    for page in PAGES:
        found = re.findall(pattern, page.read_text(), re.MULTILINE)
        for number, command in enumerate(dict.fromkeys(found)):
            yield pytest.param(command, id=f"{page.relative_to(ROOT)}-{number}")


def subcommands(program: str) -> set[str]:
    """Return a program's subcommands, as its parser has them."""
    actions = PARSERS[program]._actions
    (choices,) = (one.choices for one in actions if isinstance(one, argparse._SubParsersAction))
    return set(choices or ())


# In a block of code: the line is what people paste. Comments and redirections are the shell's.
@pytest.mark.parametrize("command", commands(rf"(?:^ *|&& )({PROGRAM} [^#>&|\n]+)"))
def test_a_command_in_a_block_of_code_is_understood(command: str) -> None:
    program, *argv = shlex.split(command)
    try:
        PARSERS[program].parse_args(argv)
    except SystemExit:
        pytest.fail(f"{command}: {program} does not take that")


# In running text: it may be a mention, without what would have to follow.
@pytest.mark.parametrize("command", commands(rf"`({PROGRAM} [^`]+)`"))
def test_a_command_in_running_text_begins_with_a_word_that_there_is(command: str) -> None:
    program, word, *_ = shlex.split(command)
    assert word in subcommands(program), f"{command}: {program} has no {word}"


def test_the_pages_tell_people_to_run_something() -> None:
    assert len(commands(rf"`({PROGRAM} [^`]+)`")) > 20


# What systemd runs and people do not; the page tells of the units that do.
FOR_SYSTEMD = {"hale-gate": {"serve", "reboot-if-due", "reboot-done"}, "hale-healer": {"run"}}


@pytest.mark.parametrize("program", PARSERS)
def test_every_subcommand_for_people_is_in_the_programs_page(program: str) -> None:
    page = (ROOT / f"docs/{program.removeprefix('hale-')}.md").read_text()
    told = set(re.findall(rf"(?:^ *|`|-- ){program} ([a-z]+)", page, re.MULTILINE))
    assert subcommands(program) - FOR_SYSTEMD.get(program, set()) <= told


def flags_of_the_exporter() -> set[str]:
    return {flag for one in exporter.command_line.parser()._actions for flag in one.option_strings}


def test_every_flag_of_the_exporter_but_the_collectors_is_in_its_page() -> None:
    page = (ROOT / "docs/exporter.md").read_text()
    said = set(re.findall(r"`(--[a-z][\w.-]*)`", page))
    own = {one for one in flags_of_the_exporter() if "collector." not in one}
    assert own - {"-h", "--help", "--version"} <= said
    assert "--collector.disable-defaults" in said


@pytest.mark.parametrize("name", [offer.name for offer in OFFERS])
def test_every_collector_has_a_page_with_its_kind_source_series_privileges_cost_and_flags(
    name: str,
) -> None:
    page = (ROOT / f"docs/collectors/{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    rows = dict(re.findall(r"^\| (\w+) \| (.+) \|$", page, re.MULTILINE))
    assert {"kind", "source", "series", "privileges", "cost"} <= rows.keys()
    flags = {one for one in flags_of_the_exporter() if f"collector.{name}." in one}
    assert flags <= set(re.findall(r"`(--[a-z][\w.-]*)`", page))


def test_no_collector_has_a_page_that_is_not_there() -> None:
    pages = {page.stem for page in (ROOT / "docs/collectors").glob("*.md")}
    assert pages == {offer.name for offer in OFFERS}


def test_every_target_of_make_that_is_told_runs_whatever_files_there_are() -> None:
    text = (ROOT / "Makefile").read_text()
    told = set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert set(phony.split()) == told
    assert {"test", "mutants", "schedules"} <= told
