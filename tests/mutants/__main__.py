"""Plants mistakes in healer/core, one at a time, and counts those that the tests see: `make mutants`.

A mutant that no test can see, because it behaves alike, is a line of equivalent.txt with its reason below.
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import healer.core
import healer.core.guards
from tests.mutants.runner import ROOT, Mutants, Tally

LISTED = Path(__file__).parent / "equivalent.txt"

WHOLE = (
    *("absence", "again", "arming", "balancer_gates", "blindness", "changed", "disk", "endings"),
    *("engine", "herald", "herald_calls", "intake", "lookback", "mark_book", "marks", "people"),
    *("proof", "proof_clocks", "reboot", "registry", "restarts", "storms", "unread", "waiting"),
)
"""The tests of a whole healer on virtual time, which ask the core most of what it is asked."""

TESTS = ("tests/healer/core", *(f"tests/healer/test_{one}.py" for one in WHOLE))


def modules(wanted: list[str]) -> list[ModuleType]:
    """Return healer.core's modules, or those of them whose names have one of these in them."""
    names = [
        one.name
        for package in (healer.core, healer.core.guards)
        for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        if not one.ispkg
    ]
    names.append("healer.core.guards")
    chosen = [name for name in names if not wanted or any(word in name for word in wanted)]
    return [importlib.import_module(name) for name in sorted(chosen)]


def equivalent() -> set[str]:
    """Return the listed mutants; each is followed by a line with its reason.

    Raises:
        ValueError: One has no reason.
    """
    found, lines = set[str](), LISTED.read_text().splitlines()
    for line, reason in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("healer/"):
            if not reason.startswith("    "):
                raise ValueError(f"no reason below: {line}")
            found.add(line)
    return found


def survivors(printed: Path) -> set[str]:
    """Return the mutants that an earlier run has printed as survived."""
    lines = (line.partition("survived: ")[2] for line in printed.read_text().splitlines())
    return {line.rpartition("   (line ")[0] for line in lines if line}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="only of modules whose names have this in them")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once")
    parser.add_argument(
        "--only", default="", help="only of functions whose names have this in them"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only by the core's own tests, none of hypothesis': sees fewer",
    )
    parser.add_argument(
        "--again", type=Path, help="only those that survived an earlier run, by what it printed"
    )
    args = parser.parse_args()
    before = survivors(args.again) if args.again else None
    plugin = Mutants(lambda: modules(args.modules), args.jobs, equivalent(), args.only, before)
    tests = [str(ROOT / one) for one in (TESTS[:1] if args.quick else TESTS)]
    chosen = ["-m", "not hypothesis"] if args.quick else []
    # On a busy machine a test may take minutes: that is no mutant seen, so the runner alone counts its time.
    patient = ["-o", "faulthandler_timeout=0"]
    silent = ["-q", "-q", "--no-summary", "-p", "no:cacheprovider"]
    code = pytest.main([*silent, *patient, *chosen, *tests], plugins=[plugin])
    for module, tally in plugin.tallies.items():
        print(f"{module}: {tally}")
    total = sum(plugin.tallies.values(), Tally())
    print(f"together: {total}")
    enough = 0 < (total.killed + total.survived) * 0.95 <= total.killed
    return 0 if enough and code in (0, 5) else 1


if __name__ == "__main__":
    sys.exit(main())
