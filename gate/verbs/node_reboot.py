"""node.reboot: boot this node anew, by way of systemd and its orderly shutdown, never around it."""

from typing import ClassVar

from gate import compare, places
from gate.expect import Expect
from gate.going_down import reboots
from gate.process import NotStarted
from gate.strict_json import JsonObject
from gate.verb import Job, Node, TakingVerb
from gate.words import Outcome, Reason, Refused, failed, unknown

COMMAND_SECONDS = 30.0
LOOK_SECONDS = 0.2


class NodeReboot(TakingVerb):
    """`systemctl reboot`, then the wait for the end. Only the next boot can tell that it worked."""

    without_ledger: ClassVar[bool] = True
    once_a_boot: ClassVar[bool] = True

    def target(self, args: JsonObject, expect: Expect, node: Node) -> str:
        """Take no argument; the target is this node.

        Raises:
            Refused: bad_argument, also when `expect` lacks the boot; or not_listed.
        """
        if args:
            raise Refused(Reason.BAD_ARGUMENT, "args: want {}")
        if expect.boot_id is None:
            raise Refused(Reason.BAD_ARGUMENT, "expect: want boot_id")
        if not node.config.reboot:
            raise Refused(Reason.NOT_LISTED, "gate.json does not let this node be rebooted")
        compare.listed(expect, node.config)
        return node.config.node

    def check(self, job: Job) -> None:
        """Insist that what Pacemaker runs here would run somewhere else.

        Raises:
            Refused: no_place, also where Pacemaker does not say.
        """
        places.without_node(job)

    def compare(self, job: Job) -> None:
        """Compare the boot, and whatever else was expected.

        Raises:
            Refused: changed.
        """
        compare.as_expected(job.expect, job.node)

    def run(self, job: Job) -> Outcome | None:
        """Ask systemd, then wait until it stops this session or the deadline is over.

        Returns:
            None once systemd stops us: the record stays `begun`, and after another boot that means done.
        """
        try:
            ran = job.node.systemd.reboot(min(COMMAND_SECONDS, job.deadline.left()))
        except NotStarted as error:
            return failed(Reason.NOT_REBOOTED, str(error))
        # On its way down the bus may end before systemctl does, so its status alone says little.
        if ran.code not in (0, None) and not job.node.stopping() and not reboots(job.node.systemd):
            return failed(Reason.NOT_REBOOTED, f"systemctl ended with {ran.code}: {ran.last_line}")
        while job.deadline.left():
            if job.node.stopping():
                return None
            job.node.clock.sleep(LOOK_SECONDS)
        word = "took too long" if ran.code is None else "began the shutdown"
        return unknown(Reason.DEADLINE, f"systemd {word}; this node is still up")
