"""The nodes' gates: a kept session to each, one request at a time.

Rule: hello, lease, request follow each other without a pause. After the request's first byte may have left, only
the gate's own words are an end; everything else is OutcomeUnknown, and nothing is ever sent again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from healer.adapters import gate_lines as wire
from healer.adapters.gate_welcome import Welcome, welcome_of
from healer.core.attempt import Outcome
from healer.core.look import Look
from healer.core.order import Ended, Order, Token
from healer.errors import Busy, LeaseLost, OutcomeUnknown, Unreachable
from healer.sharing import Shared

log = structlog.get_logger()


class Channel(Protocol):
    """One session with one gate."""

    async def send(self, line: bytes) -> None:
        """Send a line with its newline.

        Raises:
            Unreachable: The session is gone; how much was sent is not known.
        """
        ...

    async def receive(self) -> bytes:
        """Return the next line without its newline.

        Raises:
            Unreachable: The session ended, or the line is longer than the protocol allows.
        """
        ...

    async def close(self) -> None:
        """End the session at once. Idempotent, and never raises."""
        ...


class Connector(Protocol):
    """Opens sessions."""

    async def open(self, node: str) -> Channel:
        """Open a session to a node's gate.

        Raises:
            Unreachable: It could not be opened; the message says why and what to do.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a gate may take, in seconds.

    Attributes:
        hello: To connect and be greeted, from the moment it was asked for.
        grace: Beyond an action's own deadline, for its last line to arrive.
        lease_margin: What must be left of the lease when a request leaves. The gate forgets its nonce 2 s
            after hello and the next healer waits 2 s after the lease, so any lease that is left at
            sending keeps the two apart; the rest is for clocks that do not run alike.
    """

    hello: float = 5.0
    grace: float = 5.0
    lease_margin: float = 2.0


LOOKED_AT = 32
"""Names that those who look at one node at the same time ask for together. A gate answers 64, in a line of 64 KiB."""

NONCE_SECONDS = 1.0
"""For which a nonce is used that was given with a look. The gate takes it for 2 s."""

NOTHING = ""
"""Stands for the question of who only wants to be greeted; nothing that a gate lists is called so."""


@dataclass(slots=True)
class _Session:
    """What is kept of one node; those who wait for `looks` share the next hello."""

    lock: asyncio.Lock
    looks: Shared[str, Look]
    channel: Channel | None = None
    acting: str = ""
    greeted: tuple[str, float] | None = None

    @property
    def nonce(self) -> str | None:
        """The nonce of the last hello, where a request may still bring it: then no other hello is needed."""
        if self.greeted is None or self.channel is None:
            return None
        nonce, at = self.greeted
        return nonce if asyncio.get_running_loop().time() - at < NONCE_SECONDS else None


class SshGates:
    """ports.Gates over any Connector; over ssh in production."""

    def __init__(
        self,
        connector: Connector,
        *,
        cluster: str,
        token: Token,
        lease_seconds: Callable[[], float],
        timing: Timing | None = None,
    ) -> None:
        """Keep sessions for one leadership.

        Args:
            connector: Opens sessions.
            cluster: Ours; gates of another are refused.
            token: Of this leadership, sent with each request.
            lease_seconds: How long our lease still holds.
            timing: Deadlines.
        """
        self._connector = connector
        self._cluster = cluster
        self._token = token
        self._lease_seconds = lease_seconds
        self._timing = timing or Timing()
        self._sessions: dict[str, _Session] = {}

    async def look(self, node: str, names: Sequence[str]) -> Look:
        """See ports.Gates.look."""
        session = self._session(node)
        if session.acting:
            # Waiting for a restart to end would only use up the asker's time.
            msg = f"{node}: its gate is busy with {session.acting}: ask again when that has ended"
            raise Busy(msg)
        async with self._deadline(node, self._timing.hello):
            asked = names or (NOTHING,)
            return (await session.looks.ask(asked))[asked[0]]

    async def act(self, order: Order) -> Ended:
        """See ports.Gates.act."""
        session = self._session(order.node)
        async with self._deadline(order.node, self._timing.hello):
            await session.lock.acquire()
        session.acting = order.action_id
        try:
            async with self._closed_by_errors(session):
                return await self._act(order, session)
        finally:
            session.acting = ""
            session.lock.release()

    async def settle(self, node: str, action_id: str, ledger_id: str) -> Ended | None:
        """See ports.Gates.settle."""
        session = self._session(node)
        async with self._deadline(node, self._timing.hello), self._alone(session):
            welcome = await self._hello(node, session, ())
            session.greeted = None
            if ledger_id and welcome.ledger_id != ledger_id:
                # A new ledger would void the id in good faith: it has forgotten what ran.
                detail = f"its gate's ledger is {welcome.ledger_id or 'unreadable'}, {action_id} is in {ledger_id}"
                return Ended(Outcome.UNKNOWN, "other_ledger", f"{node}: {detail}")
            # No lease is needed: settling twice, or by a healer that lost the lead, does no harm. A
            # lower token is refused, and a voided id stays void.
            line = wire.settle(
                action_id,
                node=node,
                cluster=self._cluster,
                token=self._token,
                nonce=welcome.nonce,
            )
            answer = await self._ask_settle(node, session, line)
        if answer.settled is None or answer.state != "done":
            msg = f"{node}: its gate cannot settle {action_id}: {answer.state} {answer.reason}: {answer.detail}"
            raise Unreachable(msg)
        return answer.settled.ended()

    async def close(self) -> None:
        """End every session."""
        for session in self._sessions.values():
            await _drop(session)

    def _session(self, node: str) -> _Session:
        if node not in self._sessions:
            looks = Shared[str, Look](lambda names: self._look(node, names), LOOKED_AT)
            self._sessions[node] = _Session(asyncio.Lock(), looks)
        return self._sessions[node]

    async def _look(self, node: str, names: tuple[str, ...]) -> Mapping[str, Look]:
        """Say hello for all who wait: one answer, which tells of all their names."""
        session = self._sessions[node]
        async with self._alone(session):
            asked = tuple(one for one in names if one != NOTHING)
            return dict.fromkeys(names, (await self._hello(node, session, asked)).look())

    async def _act(self, order: Order, session: _Session) -> Ended:
        async with self._deadline(order.node, self._timing.hello):
            nonce = session.nonce or (await self._hello(order.node, session, ())).nonce
        session.greeted = None  # the gate takes it once
        try:
            line = wire.request(order, cluster=self._cluster, token=self._token, nonce=nonce)
        except ValueError as error:
            msg = f"{order.node}: {order.action_id} cannot be sent: {error}"
            raise Unreachable(msg) from error
        left = self._lease_seconds()
        if left <= self._timing.lease_margin:
            msg = (
                f"{order.action_id} was not sent: the lease holds for {left:.1f} s more, "
                f"{self._timing.lease_margin:g} s are wanted"
            )
            raise LeaseLost(msg)
        # Nothing may be awaited between the lease's check and the send.
        try:
            async with asyncio.timeout(order.deadline_seconds + self._timing.grace):
                await _channel(session).send(line)
                return await self._end_of(order, session)
        except (TimeoutError, Unreachable, ValueError) as error:
            what = "nothing was heard in time" if isinstance(error, TimeoutError) else str(error)
            msg = f"{order.node}: {order.action_id} was sent and its end was not heard: {what}"
            raise OutcomeUnknown(msg) from error

    async def _end_of(self, order: Order, session: _Session) -> Ended:
        answer = wire.answer_of(await _channel(session).receive(), order.action_id)
        if answer.state == "begun":
            log.info("action.begun", node=order.node, action=order.action_id, verb=order.verb)
            answer = wire.answer_of(await _channel(session).receive(), order.action_id)
        if answer.state == "begun":
            msg = "the gate said begun twice"
            raise ValueError(msg)
        if answer.id is None:
            await _drop(session)  # the gate hangs up after a line that it could not read
        return answer.ended()

    async def _ask_settle(self, node: str, session: _Session, line: bytes) -> wire.Answer:
        try:
            await _channel(session).send(line)
            return wire.answer_of(await _channel(session).receive(), wire.settle_id(self._token))
        except ValueError as error:
            msg = f"{node}: its gate answered settle with something else: {str(error)[:300]}"
            raise Unreachable(msg) from error

    async def _hello(self, node: str, session: _Session, names: tuple[str, ...]) -> Welcome:
        kept = session.channel is not None
        try:
            welcome = await self._greet(node, session, names)
        except Unreachable as error:
            if not kept:
                raise
            # A gate ends a session after a minute of silence; hello writes nothing, so it may be said again.
            log.debug("session.renewed", node=node, error=str(error))
            await _drop(session)
            welcome = await self._greet(node, session, names)
        if (welcome.cluster, welcome.node) != (self._cluster, node):
            msg = (
                f"{node}: the gate there says it is {welcome.cluster}/{welcome.node}, wanted "
                f"{self._cluster}/{node}: check the address in cluster.yml and the node's gate.json"
            )
            raise Unreachable(msg)
        session.greeted = welcome.nonce, asyncio.get_running_loop().time()
        return welcome

    async def _greet(self, node: str, session: _Session, names: tuple[str, ...]) -> Welcome:
        try:
            line = wire.hello(names)
            if session.channel is None:
                session.channel = await self._connector.open(node)
            await session.channel.send(line)
            return welcome_of(await session.channel.receive())
        except ValueError as error:
            msg = f"{node}: its gate did not answer hello in version 1: {str(error)[:300]}"
            raise Unreachable(msg) from error

    @asynccontextmanager
    async def _deadline(self, node: str, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            msg = f"{node}: its gate did not answer within {seconds:g} s: check ssh and hale-gate.socket there"
            raise Unreachable(msg) from error

    @asynccontextmanager
    async def _alone(self, session: _Session) -> AsyncIterator[None]:
        async with session.lock, self._closed_by_errors(session):
            yield

    @asynccontextmanager
    async def _closed_by_errors(self, session: _Session) -> AsyncIterator[None]:
        """Never go on with a session in which an answer may still be under way."""
        try:
            yield
        except BaseException:
            await _drop(session)
            raise


def _channel(session: _Session) -> Channel:
    if session.channel is None:
        msg = "the session is closed"
        raise Unreachable(msg)
    return session.channel


async def _drop(session: _Session) -> None:
    channel, session.channel, session.greeted = session.channel, None, None
    if channel is not None:
        await channel.close()
