"""How a helper asks: one program at a time, under a lock that outlives the helper, and the answer in a file."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from exporter import spool
from exporter.blocking import StillRunning
from exporter.clock import Clock
from exporter.collector import Malformed
from exporter.programs import Ended
from exporter.spool import ROUND, Answer, Outcome

log = structlog.get_logger()

# Seconds that one program is given.
DEADLINE = 60.0
# flock(1)'s exit status for a device of which an earlier program still holds the lock.
LOCKED = 99

Run = Callable[[Sequence[str], float, str], Awaitable[Ended]]
Judge = Callable[[Answer, int, str], Answer]


class Asking:
    """Asks devices, and keeps what they say in a folder."""

    def __init__(self, folder: Path, run: Run, clock: Clock, deadline: float = DEADLINE) -> None:
        """Ask nothing yet.

        Args:
            folder: Where the answers go.
            run: Runs a program as `Programs.run` does.
            clock: For the times of the answers.
            deadline: Seconds for one program.
        """
        self.folder = folder
        self.run = run
        self.deadline = deadline
        self._clock = clock

    async def ask(
        self, device: str, path: str, kind: str, argv: Sequence[str], judge: Judge
    ) -> None:
        """Ask one device and write down what came.

        Args:
            device: What it is called in series.
            path: What it is called where it is asked.
            kind: How it is asked.
            argv: The program.
            judge: Makes the answer of an exit status and an output, of the one before with its outcome still to be set.

        Raises:
            Absent: There is no such program; nothing was written.
            OSError: The answer could not be written.
        """
        asked = replace(self._before(device, path, kind), asked=self._clock.monotonic(), reason="")
        lock = self.folder / f".{spool.file_name(device)}.lock"
        # The program's own for as long as it lives, and so the lock tells the next round of one that hangs.
        held = ("flock", "--nonblock", f"--conflict-exit-code={LOCKED}", "--no-fork", str(lock))
        try:
            ended = await self.run([*held, *argv], self.deadline, device)
        except (TimeoutError, StillRunning) as error:
            answer = replace(asked, outcome=Outcome.TIMED_OUT, reason=str(error))
        except (Malformed, OSError) as error:
            answer = replace(asked, outcome=Outcome.FAILED, reason=str(error))
        else:
            answer = self._judged(asked, ended, judge)
        spool.write(self.folder, answer)
        if answer.outcome in (Outcome.FAILED, Outcome.TIMED_OUT):
            event = f"device.{answer.outcome.value}"
            log.warning(event, device=device, type=kind, reason=answer.reason)

    def _judged(self, asked: Answer, ended: Ended, judge: Judge) -> Answer:
        if ended.status == LOCKED:
            reason = "an earlier program still hangs at it"
            return replace(asked, outcome=Outcome.TIMED_OUT, reason=reason)
        answer = judge(asked, ended.status, ended.output.decode("utf-8", "replace"))
        if answer.outcome is not Outcome.ANSWERED:
            return answer
        now = self._clock
        return replace(answer, answered=now.monotonic(), answered_at=now.wall())

    def _before(self, device: str, path: str, kind: str) -> Answer:
        """Return the last answer, or an empty one."""
        try:
            before = spool.read(self.folder / spool.file_name(device))
        except (OSError, Malformed):
            before = None
        if before is not None and (before.path, before.type) == (path, kind):
            return before
        return Answer(device, path, kind, Outcome.FAILED, 0.0, None, None, "", "")

    def tell(self, outcome: Outcome, reason: str = "") -> None:
        """Write down what came of the round as a whole."""
        now = self._clock.monotonic()
        spool.write(self.folder, Answer(ROUND, "", "", outcome, now, None, None, "", reason))
        if reason:
            log.warning("round.without_devices", reason=reason)

    def forget_all_but(self, devices: Sequence[str]) -> None:
        """Remove the answers of devices that are gone."""
        keep = {spool.file_name(name) for name in (ROUND, *devices)}
        for path in spool.listed(self.folder):
            if path.name not in keep:
                path.unlink()
