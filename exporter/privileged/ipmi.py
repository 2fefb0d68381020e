"""Asks the machine's BMC with FreeIPMI's programs, and leaves the answers for the exporter.

Run by hale-ipmi.timer as `python -m exporter.privileged.ipmi`. Rule: nothing that the BMC says is taken apart here.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exporter import logs
from exporter.clock import Clock
from exporter.collector import Absent
from exporter.ipmi import FOLDER, QUESTIONS
from exporter.privileged.asking import Asking, Run
from exporter.programs import Programs
from exporter.spool import Answer, Outcome


async def round_of(folder: Path, run: Run, clock: Clock) -> None:
    """Ask every question once, one after the other: a BMC answers one at a time.

    Args:
        folder: Where the answers go.
        run: Runs a program as `Programs.run` does.
        clock: For the times of the answers.

    Raises:
        OSError: An answer could not be written.
    """
    asking = Asking(folder, run, clock)
    try:
        await run(("ipmimonitoring", "--version"), asking.deadline, "version")
    except Absent as error:
        asking.tell(Outcome.ANSWERED, f"{error}; install freeipmi-tools")
        asking.forget_all_but(())
        return
    except (TimeoutError, OSError) as error:
        asking.tell(Outcome.FAILED, str(error))
        return
    for name, argv in QUESTIONS.items():
        await asking.ask(name, "", "", argv, _judge)
    asking.tell(Outcome.ANSWERED)
    asking.forget_all_but(list(QUESTIONS))


def _judge(asked: Answer, status: int, output: str) -> Answer:
    if status != 0:
        reason = output.strip().splitlines()[:1] or [f"exit status {status}"]
        return replace(asked, outcome=Outcome.FAILED, reason=reason[0])
    return replace(asked, outcome=Outcome.ANSWERED, output=output)


def main(argv: Sequence[str] | None = None) -> int:
    """Make one round; the exit status is 0 whatever came of single questions."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.privileged.ipmi",
        description="Ask the BMC with FreeIPMI, once, and leave the answers for hale-exporter.",
        allow_abbrev=False,
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR")
    options = parser.parse_args(argv)
    logs.configure("info")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(round_of(options.folder, Programs().run, Clock()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
