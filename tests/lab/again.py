"""A plugin for pytest: which drills are played a second time, with the machine to themselves.

`python -m pytest -p tests.lab.again --again FILE` ends well where nothing failed but drills that did not hold, did no
harm and are few. FILE then names them, and nothing is said to have passed before `python -m pytest @FILE` has.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.playing import DidNotHoldError

MOST = 8
"""How many drills of one part may be played a second time; two labs are up side by side.

Some twenty daemons share two cores with another lab and whatever else the machine does, where one drill in some
hundred loses a race that it does not lose twice; on a machine half as fast, one in ten or twenty. A fault of Hale's
own breaks a drill twice, or more of them than these.
"""


class Again:
    """What a run knows of the drills that did not hold.

    Attributes:
        file: Where those are named that are played again.
        drills: Their names, as pytest takes them.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.drills: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        """Note a drill that did not hold and may be played again."""
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, DidNotHoldError) and not error.harm:
            self.drills.append(item.nodeid)
        return (yield)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Name the drills, and let the run end well, where they are all that failed."""
        failed = session.exitstatus is pytest.ExitCode.TESTS_FAILED
        if failed and session.testsfailed == len(self.drills) <= MOST:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text("".join(f"{drill}\n" for drill in self.drills))
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which are played again, and that the others have to be mended."""
        if self.file.exists():
            terminalreporter.write_line(f"Played a second time, alone: {' '.join(self.drills)}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask where the drills are named."""
    parser.addoption("--again", metavar="FILE", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run."""
    config.option.again.unlink(missing_ok=True)
    config.pluginmanager.register(Again(config.option.again))
