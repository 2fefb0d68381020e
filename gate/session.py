"""One session: hello, nonce, request, answer, one after the other over one connection."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gate import replies
from gate.channel import Channel
from gate.holds import Holds
from gate.ids import Token
from gate.ledgers import Ledgers
from gate.log import INFO, WARNING, log
from gate.nonce import Nonce
from gate.protocol import Hello, Request, parse_line
from gate.run_lock import RunLock
from gate.seen import Eyes
from gate.taking import Taking, admit
from gate.unwritable import LedgerUnwritable
from gate.verb import Node, TakingVerb
from gate.verbs import KNOWN, SETTLE, TAKING, action_settle
from gate.words import Outcome, Reason, Refused, State, Unreadable


@dataclass(slots=True)
class Session:
    """Answers one connection's lines, one after the other.

    Attributes:
        outdated: Whether gate.json or the gate itself was changed since this began.
        running: Whether a verb is at work, so that a signal must wait.
    """

    channel: Channel
    node: Node
    ledgers: Ledgers
    lock: RunLock
    holds: Holds
    nonce: Nonce
    outdated: Callable[[], bool] = lambda: False
    running: bool = False

    def serve(self) -> None:
        """Answer until the peer ends, falls silent, or sends what cannot be read.

        A session that would go on for long is ended at a hello where its rules are not the node's any more; whoever
        said it connects again.
        """
        while not self.node.stopping():
            try:
                line = self.channel.read_line()
                if line is None:
                    return
                arrived = self.node.clock.boottime()
                match parse_line(line):
                    case Hello() as hello:
                        if self.outdated():
                            log(INFO, "session.outdated")
                            return
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
        eyes = Eyes(self.node)
        seen, marks = eyes.look(hello.look), eyes.marks()
        ledger_id: str | None = None
        highest: Token | None = None
        try:
            with self.ledgers.open() as shelf:
                ledger_id, (highest, _) = shelf.book.header.ledger_id.hex, shelf.newest_token
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
            seen=seen,
            marks=marks,
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
                outcome = _of_settle(request, settled)
            else:
                taking = Taking(self.channel, self.node, self.ledgers, self.lock, self.holds)
                ended = taking.take(request, verb, arrived)
                if ended is None:
                    log(INFO, "action.left_to_the_next_boot", id=request.id, verb=request.verb)
                    return
                outcome = ended
        except Refused as refused:
            outcome = replies.refusal(refused)
        except LedgerUnwritable as error:
            outcome = Outcome(State.REFUSED, Reason.LEDGER_UNWRITABLE, str(error))
        finally:
            self.lock.release()
            self.running = False
        outcome = replace(outcome, boot_id=outcome.boot_id or self._boot_id())
        _note(request, outcome)
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
            with self.ledgers.open() as shelf:
                admit(shelf, request)
                return action_settle.settle(action, shelf, self.lock, self.node)
        except LedgerUnwritable as error:
            return Outcome(State.UNKNOWN, Reason.LEDGER_UNWRITABLE, f"nothing was voided: {error}")

    def _boot_id(self) -> str:
        return str(self.node.clock.boot_id())


def _of_settle(request: Request, settled: Outcome) -> Outcome:
    if settled.reason == Reason.LEDGER_UNWRITABLE:
        return settled
    return Outcome(State.DONE, Reason.SETTLED, f"{request.args['id']} is {settled.state}")


def _note(request: Request, outcome: Outcome) -> None:
    """Give the journal its one line about a request."""
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
