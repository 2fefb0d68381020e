"""Sessions with gates over ssh: one warm connection to each node, host keys pinned.

Rule: a host key is the one in the known_hosts file or there is no connection; nothing is learnt on first use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from healer.adapters.gate_lines import LINE_LIMIT
from healer.errors import Unreachable

KEEPALIVE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How to reach the gates.

    Attributes:
        addresses: Host and port by node.
        key: Private key file.
        known_hosts: Pinned host keys, as ssh-keyscan writes them.
    """

    addresses: Mapping[str, tuple[str, int]]
    key: Path = Path("/etc/hale/healer_key")
    known_hosts: Path = Path("/etc/hale/known_hosts")
    user: str = "hale-gate"


class SshConnector:
    """Opens gate sessions over ssh; gates.Connector."""

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._connections: dict[str, asyncssh.SSHClientConnection] = {}

    async def open(self, node: str) -> "SshChannel":
        """Open a session, on the kept connection if it still lives. See gates.Connector.open."""
        try:
            connection = self._connections.get(node)
            if connection is None or connection.is_closed():
                connection = await self._connect(node)
                self._connections[node] = connection
            # The command is forced by sshd; what is asked for here is only a word for its log.
            process = await connection.create_process(
                "hale-gate pipe",
                encoding=None,
                window=2 * LINE_LIMIT,
                stderr=asyncssh.DEVNULL,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._unpinned(node, error) from error
        except (asyncssh.Error, OSError, ValueError) as error:
            self._forget(node)
            raise self._refused(node, error) from error
        except BaseException:
            self._forget(node)
            raise
        return SshChannel(node, process, self)

    async def close(self) -> None:
        """End every connection."""
        for node in list(self._connections):
            self._forget(node)

    def forget(self, node: str, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        """Give up the connection that a failed session ran on, unless there is a newer one already."""
        kept = self._connections.get(node)
        if kept is not None and process.get_extra_info("connection") is kept:
            self._forget(node)

    def _forget(self, node: str) -> None:
        connection = self._connections.pop(node, None)
        if connection is not None:
            connection.abort()

    async def _connect(self, node: str) -> asyncssh.SSHClientConnection:
        if node not in self._settings.addresses:
            msg = f"{node}: cluster.yml has no such node"
            raise Unreachable(msg)
        host, port = self._settings.addresses[node]
        return await asyncssh.connect(
            host,
            port,
            username=self._settings.user,
            client_keys=[str(self._settings.key)],
            known_hosts=str(self._settings.known_hosts),
            # Nothing of whoever runs us: no ssh_config, no agent, no other key, no password.
            config=None,
            agent_path=None,
            preferred_auth="publickey",
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=2,
        )

    def _unpinned(self, node: str, error: Exception) -> Unreachable:
        host, port = self._settings.addresses[node]
        return Unreachable(
            f"{node} ({host}:{port}): its ssh host key is not the one in {self._settings.known_hosts}: {error}. "
            "If the node was installed anew, compare its key on the console and pin the new one"
        )

    def _refused(self, node: str, error: Exception) -> Unreachable:
        host, port = self._settings.addresses[node]
        return Unreachable(
            f"{node} ({host}:{port}): no gate session over ssh as {self._settings.user} with "
            f"{self._settings.key}: {type(error).__name__}: {error}. Try `ssh -i KEY {self._settings.user}@{host}`"
        )


class SshChannel:
    """One session; gates.Channel."""

    def __init__(
        self, node: str, process: "asyncssh.SSHClientProcess[bytes]", connector: SshConnector
    ) -> None:
        self._node = node
        self._process = process
        self._connector = connector
        self._rest = b""

    async def send(self, line: bytes) -> None:
        """See gates.Channel.send."""
        try:
            self._process.stdin.write(line)
            await self._process.stdin.drain()
        except (asyncssh.Error, OSError) as error:
            raise self._ended(error) from error

    async def receive(self) -> bytes:
        """See gates.Channel.receive."""
        while b"\n" not in self._rest and len(self._rest) < LINE_LIMIT:
            try:
                more = await self._process.stdout.read(LINE_LIMIT)
            except (asyncssh.Error, OSError) as error:
                raise self._ended(error) from error
            if not more:
                raise self._ended("end of file")
            self._rest += more
        line, newline, self._rest = self._rest.partition(b"\n")
        if len(line + newline) > LINE_LIMIT or not newline:
            msg = f"{self._node}: its gate sent a line of more than {LINE_LIMIT} bytes"
            raise Unreachable(msg)
        return line

    async def close(self) -> None:
        """See gates.Channel.close.

        The connection goes with it: it may be the reason why the session had to end, and a new one
        costs 70 ms.
        """
        self._process.close()
        self._connector.forget(self._node, self._process)

    def _ended(self, why: object) -> Unreachable:
        status = self._process.exit_status
        ended = "" if status is None else f", exit status {status}"
        return Unreachable(f"{self._node}: its gate session ended: {why}{ended}")
