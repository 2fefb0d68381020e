"""The order in which a verb is checked, begun and ended. `_in_order` shows it, and it never changes.

Whatever is refused up to `begun` has touched nothing. Once `begun` is durable the verb runs to its
end and its end is written, whether or not the peer is still there.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import partial

from gate import outcomes, replies, tokens
from gate.book import Forgotten, Torn, Unseen
from gate.channel import Channel
from gate.clock import NANO, Deadline
from gate.going_down import takes_node_down
from gate.holds import Holds
from gate.ledgers import Ledgers, Shelf
from gate.log import INFO, WARNING, log
from gate.protocol import Request
from gate.record import Record, fit
from gate.run_lock import RunLock
from gate.unwritable import LedgerUnwritable
from gate.verb import Job, Node, TakingVerb
from gate.verbs import action_settle
from gate.words import Outcome, Reason, Refused, State, failed


@dataclass(frozen=True, slots=True)
class Taking:
    """All that a verb is checked against, and the peer that is told when it begins."""

    channel: Channel
    node: Node
    ledgers: Ledgers
    lock: RunLock
    holds: Holds

    def take(self, request: Request, verb: TakingVerb, arrived: int) -> Outcome | None:
        """Run a verb, or say why not; None when only the next boot can tell.

        Args:
            request: Who asks for what; its nonce is spent.
            verb: The one that it names.
            arrived: When, on CLOCK_BOOTTIME, ns.

        Raises:
            Refused: nothing was touched.
            LedgerUnwritable: as Refused.
        """
        target = verb.target(request.args, request.expect, self.node)  # bad_argument, not_listed
        if request.deadline_seconds is None:
            raise Refused(Reason.BAD_ARGUMENT, "deadline_seconds: want a number")
        deadline = Deadline(arrived + int(request.deadline_seconds * NANO), self.node.clock)
        job = Job(target, request.args, request.expect, deadline, self.node)
        try:
            return self._in_order(request, verb, job, without_disk=False)
        except LedgerUnwritable as error:  # none comes from the verb: _finish keeps its own
            if not verb.without_ledger:
                raise
            self.lock.release()
            log(WARNING, "ledger.without", id=request.id, verb=request.verb, error=error)
        return self._in_order(request, verb, job, without_disk=True)

    def _in_order(
        self, request: Request, verb: TakingVerb, job: Job, without_disk: bool
    ) -> Outcome | None:
        """Do the steps 6 to 14 of docs/gate.md, and then the verb."""
        content = hashlib.sha256(request.content).digest()
        with self.ledgers.open(without_disk) as shelf:
            admit(shelf, request)  # lower_token, other_store
            if (answer := self._known(shelf, request, content)) is not None:
                return answer  # the stored end; or id_reused, voided, older_than_ledger
            self.holds.insist_on_none()  # held
            self._alone(shelf)  # busy
            self._spaced(shelf, verb, request.verb, job.target)  # spacing
        try:
            verb.check(job)  # config_check, no_place
        except Refused as refused:
            return self._remember(request, content, job, replies.refusal(refused), without_disk)
        self.holds.insist_on_none()  # again: the check may have taken seconds, as may the next look
        verb.compare(job)  # changed, last_member, marks_unreadable, too_many_owners
        with self.ledgers.open(without_disk) as shelf:
            admit(shelf, request)  # again: a new healer may have come meanwhile,
            if (answer := self._known(shelf, request, content)) is not None:
                return answer  # or someone has settled this id
            self.holds.insist_on_none()  # or a person has just been told that nothing begins
            if not job.deadline.left():
                return failed(Reason.DEADLINE, "it was over before anything began")
            record = shelf.book.add(outcomes.begun(request, content, job.target, self.node.clock))
        self.channel.write(replies.begun(request.id))
        log(INFO, "action.begun", id=request.id, verb=request.verb, target=job.target)
        outcome = verb.run(job)
        return None if outcome is None else self._finish(record, outcome, without_disk)

    def _known(self, shelf: Shelf, request: Request, content: bytes) -> Outcome | None:
        """Answer from the ledger, or None for an id that was never here."""
        match shelf.look_up(request.id):
            case Unseen():
                return None
            case Forgotten(floor):
                raise Refused(Reason.OLDER_THAN_LEDGER, f"ids up to {floor} are forgotten")
            case Torn():
                detail = f"a record is torn and may have been {request.id}"
                return Outcome(State.UNKNOWN, Reason.TORN_RECORD, detail)
            case Record() as record:
                if record.state is State.VOIDED:
                    raise Refused(Reason.VOIDED, f"{request.id} was settled before it came")
                if record.content != content:
                    raise Refused(Reason.ID_REUSED, f"{request.id} came with other content before")
                known = action_settle.of_record(record, shelf, self.lock, self.node)
                # `refused` would say that nothing was touched; of a running action nobody may.
                return (
                    replace(known, state=State.UNKNOWN) if known.state is State.RUNNING else known
                )

    def _alone(self, shelf: Shelf) -> None:
        """Take the run lock; whoever began before us and wrote no end is then gone, but for a reboot."""
        record = shelf.book.begun()
        going = record is not None and takes_node_down(record, self.node)
        if going or not self.lock.take():
            running = "another action" if record is None else f"{record.id} {record.verb}"
            raise Refused(Reason.BUSY, f"{running} runs here; one at a time")
        shelf.book.interrupt(self.node.clock.boot_id())

    def _spaced(self, shelf: Shelf, verb: TakingVerb, name: str, target: str) -> None:
        """Insist on the least time since this verb last ran on this target, or since this boot.

        CLOCK_BOOTTIME cannot be set. It starts again with each boot, so since a record of another one
        at least the time since this boot has passed.
        """
        clock, least = self.node.clock, self.node.config.spacing(name)
        for record in shelf.last_runs(name, target):
            this_boot = record.boot_id == clock.boot_id()
            ran = max(record.begun_boottime, record.ended_boottime) if this_boot else clock.booted()
            passed = (clock.boottime() - ran) / NANO
            if passed < least:
                raise Refused(
                    Reason.SPACING,
                    f"{record.id} ran at least {passed:.1f} s ago, least spacing is {least:g} s",
                )
        up = (clock.boottime() - clock.booted()) / NANO
        if verb.once_a_boot and up < least:
            raise Refused(Reason.SPACING, f"booted {up:.1f} s ago, least spacing is {least:g} s")

    def _remember(
        self, request: Request, content: bytes, job: Job, outcome: Outcome, without_disk: bool
    ) -> Outcome:
        """Write a refusal that is about the target, so that the same id gets the same answer."""
        with self.ledgers.open(without_disk) as shelf:
            known = self._known(shelf, request, content)
            if known is not None:
                return known
            make = partial(outcomes.refused, request, content, job.target, outcome)
            return outcomes.outcome_of(shelf.book.add(make(self.node.clock)))

    def _finish(self, record: Record, outcome: Outcome, without_disk: bool) -> Outcome:
        """Write the end. If that fails the answer still says what we saw."""
        record = outcomes.ended(record, outcome, self.node.clock)
        try:
            with self.ledgers.open(without_disk) as shelf:
                shelf.book.finish(record)
        except LedgerUnwritable as error:
            log(WARNING, "ledger.end_not_written", id=record.id, error=error)
            record = replace(record, detail=fit(f"{record.detail}; not written: {error}"))
        return outcomes.outcome_of(record)


def admit(shelf: Shelf, request: Request) -> None:
    """Let only the newest healer pass; a newer token is durable before it counts.

    Raises:
        Refused: lower_token or other_store.
        LedgerUnwritable: the token could not be written.
    """
    token, store = shelf.newest_token
    if tokens.is_new(request.token, request.store, token, store):
        shelf.book.admit(request.token, request.store)
