"""One session: hello, nonce, request, answer. `_take` shows the order of checks, which never changes.

Whatever is refused up to `begun` has touched nothing. Once `begun` is durable the verb runs to its
end and its end is written, whether or not the peer is still there.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import partial

from gate import outcomes, replies, tokens
from gate.book import Book, Forgotten, Torn, Unseen
from gate.channel import Channel
from gate.clock import NANO, Deadline
from gate.holds import Holds
from gate.ids import Token
from gate.ledger import Ledger
from gate.log import INFO, WARNING, log
from gate.nonce import Nonce
from gate.protocol import (
    Hello,
    Outcome,
    Reason,
    Refused,
    Request,
    State,
    Unreadable,
    parse_line,
)
from gate.record import Record, fit
from gate.run_lock import RunLock
from gate.units import look
from gate.unwritable import LedgerUnwritable
from gate.verb import Node, TakingVerb
from gate.verbs import KNOWN, SETTLE, TAKING, action_settle


@dataclass(slots=True)
class Session:
    """Answers one connection's lines, one after the other.

    Attributes:
        stopping: Set by a signal; the session ends before the next line.
        running: Whether a verb is at work, so that a signal must wait.
    """

    channel: Channel
    node: Node
    ledger: Ledger
    lock: RunLock
    holds: Holds
    nonce: Nonce
    stopping: bool = False
    running: bool = False

    def serve(self) -> None:
        """Answer until the peer ends, falls silent, or sends what cannot be read."""
        while not self.stopping:
            try:
                line = self.channel.read_line()
                if line is None:
                    return
                arrived = self.node.clock.boottime()
                match parse_line(line):
                    case Hello() as hello:
                        self._hello(hello)
                    case Request() as request:
                        self._request(request, arrived)
            except Unreadable as unreadable:
                outcome = replies.refusal(unreadable, self._boot_id())
                log(WARNING, "line.refused", reason=outcome.reason, detail=outcome.detail)
                self.channel.write(replies.last(None, outcome))
                return

    def _hello(self, hello: Hello) -> None:
        """Look, and answer. Nothing is written anywhere."""
        listed = [name for name in hello.look if name in self.node.config.units]
        seen = look(listed, self.node.systemd, self.node.clock)
        ledger_id: str | None = None
        highest: Token | None = None
        try:
            with self.ledger.open() as book:
                ledger_id, highest = book.header.ledger_id.hex, book.header.token
        except LedgerUnwritable as error:
            log(WARNING, "ledger.unreadable", error=error)
        answer = replies.Welcome(
            cluster=self.node.config.cluster,
            node=self.node.config.node,
            boot_id=self._boot_id(),
            ledger_id=ledger_id,
            highest_token=highest,
            nonce=self.nonce.issue(),
            holds=self.holds.in_force(),
            seen={name: seen.get(name) for name in hello.look},
        )
        self.channel.write(replies.welcome(answer))

    def _request(self, request: Request, arrived: int) -> None:
        """Answer a request, whatever happens."""
        settled: Outcome | None = None
        self.running = True
        try:
            verb = self._introduced(request, arrived)
            if verb is None:
                settled = self._settle(request)
                detail = f"{request.args['id']} is {settled.state}"
                outcome = Outcome(State.DONE, Reason.SETTLED, detail)
                if settled.reason == Reason.LEDGER_UNWRITABLE:
                    outcome = settled
            else:
                outcome = self._take(request, verb, arrived)
        except Refused as refused:
            outcome = replies.refusal(refused)
        except LedgerUnwritable as error:
            outcome = Outcome(State.REFUSED, Reason.LEDGER_UNWRITABLE, str(error))
        finally:
            self.lock.release()
            self.running = False
        outcome = replace(outcome, boot_id=outcome.boot_id or self._boot_id())
        log(
            *(INFO, "request.answered"),
            id=request.id,
            verb=request.verb,
            args=str(request.args)[
                :200
            ],  # journald splits long lines, and a rest could pass for a line
            store=request.store,
            state=outcome.state,
            reason=outcome.reason,
            detail=outcome.detail,
        )
        self.channel.write(replies.last(request.id, outcome, settled))

    def _introduced(self, request: Request, arrived: int) -> TakingVerb | None:
        """Check what needs no ledger; return the verb, None for action.settle."""
        config = self.node.config
        if request.cluster != config.cluster:
            raise Refused(Reason.WRONG_CLUSTER, f"this is cluster {config.cluster}")
        if request.node != config.node:
            raise Refused(Reason.WRONG_NODE, f"this is node {config.node}")
        if request.verb not in KNOWN:
            raise Refused(Reason.UNKNOWN_VERB, f"{request.verb!r}. Known: {', '.join(KNOWN)}")
        self.nonce.use(request.nonce, arrived)
        return None if request.verb == SETTLE else TAKING[request.verb]

    def _settle(self, request: Request) -> Outcome:
        """Token, then the ledger. A hold or a running verb does not matter: nothing is touched."""
        action = action_settle.subject(request.args, request.token)
        try:
            with self.ledger.open() as book:
                _admit(book, request)
                return action_settle.settle(action, book, self.lock, self.node.clock)
        except LedgerUnwritable as error:
            return Outcome(State.UNKNOWN, Reason.LEDGER_UNWRITABLE, f"nothing was voided: {error}")

    def _take(self, request: Request, verb: TakingVerb, arrived: int) -> Outcome:
        """Run a verb, or say why not. This is the whole order of checks from here on."""
        target = verb.target(
            request.args, request.expect, self.node.config
        )  # bad_argument, not_listed
        if request.deadline_seconds is None:
            raise Refused(Reason.BAD_ARGUMENT, "deadline_seconds: want a number")
        deadline = Deadline(arrived + int(request.deadline_seconds * NANO), self.node.clock)
        content = hashlib.sha256(request.content).digest()

        with self.ledger.open() as book:
            _admit(book, request)  # lower_token, other_store
            if (answer := self._known(book, request, content)) is not None:
                return answer  # the stored end; or id_reused, voided, older_than_ledger
            self._not_held()  # held
            self._alone(book)  # busy
            self._spaced(book, request.verb, target)  # spacing
        try:
            verb.check(target, deadline, self.node)  # config_check
        except Refused as refused:
            return self._remember(request, content, target, replies.refusal(refused))
        self._not_held()  # again: the check may have taken seconds, as may the next look
        verb.compare(target, request.expect, self.node)  # changed
        with self.ledger.open() as book:
            _admit(book, request)  # again: a new healer may have come meanwhile,
            if (answer := self._known(book, request, content)) is not None:
                return answer  # or someone has settled this id
            self._not_held()  # or a person has just been told that nothing begins
            if not deadline.left():
                return Outcome(State.FAILED, Reason.DEADLINE, "it was over before anything began")
            record = book.add(outcomes.begun(request, content, target, self.node.clock))
        self.channel.write(replies.begun(request.id))
        log(INFO, "action.begun", id=request.id, verb=request.verb, target=target)
        return self._finish(record, verb.run(target, request.expect, deadline, self.node))

    def _known(self, book: Book, request: Request, content: bytes) -> Outcome | None:
        """Answer from the ledger, or None for an id that was never here."""
        match book.look_up(request.id):
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
                known = action_settle.of_record(record, book, self.lock, self.node.clock.boot_id())
                # `refused` would say that nothing was touched; of a running action nobody may.
                return (
                    replace(known, state=State.UNKNOWN) if known.state is State.RUNNING else known
                )

    def _not_held(self) -> None:
        for hold in self.holds.in_force():
            until = "until released" if hold.until is None else f"until {hold.until}"
            raise Refused(Reason.HELD, f"{hold.reason} ({until})")

    def _alone(self, book: Book) -> None:
        """Take the run lock; whoever began before us and wrote no end is then gone."""
        if not self.lock.take():
            record = book.begun()
            running = "another action" if record is None else f"{record.id} {record.verb}"
            raise Refused(Reason.BUSY, f"{running} runs here; one at a time")
        book.interrupt(self.node.clock.boot_id())

    def _spaced(self, book: Book, verb: str, target: str) -> None:
        """Insist on the least time since this verb last ran on this target.

        CLOCK_BOOTTIME cannot be set. It starts again with each boot, so since a record of another one
        at least the time since this boot has passed.
        """
        record = book.last_run(verb, target)
        if record is None:
            return
        clock = self.node.clock
        this_boot = record.boot_id == clock.boot_id()
        then = max(record.begun_boottime, record.ended_boottime) if this_boot else 0
        passed = (clock.boottime() - then) / NANO
        least = self.node.config.spacing(verb)
        if passed < least:
            raise Refused(
                Reason.SPACING,
                f"{record.id} ran at least {passed:.1f} s ago, least spacing is {least:g} s",
            )

    def _remember(self, request: Request, content: bytes, target: str, outcome: Outcome) -> Outcome:
        """Write a refusal that is about the target, so that the same id gets the same answer."""
        with self.ledger.open() as book:
            known = self._known(book, request, content)
            if known is not None:
                return known
            make = partial(outcomes.refused, request, content, target, outcome)
            return outcomes.outcome_of(book.add(make(self.node.clock)))

    def _finish(self, record: Record, outcome: Outcome) -> Outcome:
        """Write the end. If that fails the answer still says what we saw."""
        record = outcomes.ended(record, outcome, self.node.clock)
        try:
            with self.ledger.open() as book:
                book.finish(record)
        except LedgerUnwritable as error:
            log(WARNING, "ledger.end_not_written", id=record.id, error=error)
            record = replace(record, detail=fit(f"{record.detail}; not written: {error}"))
        return outcomes.outcome_of(record)

    def _boot_id(self) -> str:
        return str(self.node.clock.boot_id())


def _admit(book: Book, request: Request) -> None:
    """Let only the newest healer pass; a newer token is durable before it counts."""
    header = book.header
    if tokens.is_new(request.token, request.store, header.token, header.store):
        book.admit(request.token, request.store)
