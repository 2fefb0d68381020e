"""A plugin for pytest: which drills and tests with real programs are run a second time, with the machine to themselves.

`python -m pytest -p tests.again --again FILE` ends well where nothing failed but drills that did not hold and did no
harm, or tests with real programs, and few of them. FILE then names them, and nothing is said to have passed before
`python -m pytest @FILE` has.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.playing import DidNotHoldError

MOST_DRILLS = 8
"""How many drills of one part may be played a second time; two labs are up side by side.

Some twenty daemons share two cores with another lab and whatever else the machine does, where one drill in some
hundred loses a race that it does not lose twice; on a machine half as fast, one in ten or twenty. A fault of Hale's
own breaks a drill twice, or more of them than these.
"""

MOST_TESTS = 2
"""How many tests with real programs of one part may be run a second time; three parts run side by side.

An etcd that is asked by twelve at once answers late now and then where two other parts have both cores: on a machine
half as fast as ours, one of some thousand such tests in each of two runs.
"""


class Again:
    """What a run knows of what failed and may be run again.

    Attributes:
        file: Where that is named.
        drills: The names of drills that did not hold, as pytest takes them.
        tests: Those of tests with real programs.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.drills: list[str] = []
        self.tests: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        """Note what failed and may be run again."""
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, DidNotHoldError):
            self.drills += [] if error.harm else [item.nodeid]
        elif report.failed and item.get_closest_marker("tools") is not None:
            self.tests.append(item.nodeid)
        return report

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Name it, and let the run end well, where it is all that failed."""
        failed = session.exitstatus is pytest.ExitCode.TESTS_FAILED
        few = len(self.drills) <= MOST_DRILLS and len(self.tests) <= MOST_TESTS
        named = self.drills + self.tests
        if failed and few and session.testsfailed == len(named):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text("".join(f"{one}\n" for one in dict.fromkeys(named)))
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is run again, and that the rest has to be mended."""
        if self.file.exists():
            named = " ".join(self.file.read_text().split())
            terminalreporter.write_line(f"Run a second time, alone: {named}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask where it is named."""
    parser.addoption("--again", metavar="FILE", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run."""
    config.option.again.unlink(missing_ok=True)
    config.pluginmanager.register(Again(config.option.again))
