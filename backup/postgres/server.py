"""A PostgreSQL that recovers a restored copy and can then be asked, for as long as it is looked at.

It listens on a socket of its own folder alone, archives nothing, and takes over nothing of what the original's
configuration had it do: no replication, no jobs of extensions, no subscriptions that reach out to others.

Rule: root writes and reads by name only where root alone may write. Whatever lies where PostgreSQL's user may write is
touched as that user, who could have put a link in its place.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from backup.places import write
from backup.postgres.repository import Repository
from backup.postgres.stanza import Stanza
from backup.program import Account, Ran, account, run, start
from backup.words import Failed, Reason

STOP_SECONDS = 60.0
AUTO = "postgresql.auto.conf"
_AGAIN = 0.2

# Numbers of the original without which its log cannot be replayed (pg_controldata's names, and the parameters').
_KEPT = {
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_connections setting": "max_connections",
    "max_locks_per_xact setting": "max_locks_per_transaction",
}

# With hot_standby nobody gets in before recovery is over, and numbers that grew since the backup do not stop it.
_SETTINGS = """\
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
archive_mode = off
hot_standby = off
recovery_target_action = promote
shared_preload_libraries = ''
max_logical_replication_workers = 0
max_wal_senders = 0
autovacuum = off
jit = off
shared_buffers = 64MB
"""

_NOT_REACHED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs.

    Attributes:
        place: A folder of root's that everybody may pass through: its configuration, its log, what it is asked.
        work: A folder of its user's, for its socket.
        data: PostgreSQL's files, which are its user's too.
        account: Whom it runs as.
    """

    stanza: Stanza
    place: Path
    work: Path
    data: Path
    account: Account

    def ask(self, sql: str, columns: int = 1, database: str = "postgres") -> list[list[str]]:
        """Return the rows of what may be several queries, all of so many columns.

        Raises:
            Failed: damaged; it could not answer.
        """
        script = self.place / "query.sql"
        write(script, sql, 0o600)
        # Every value ends with a zero byte, the only one that none can have in it.
        argv = (self.stanza.program("psql"), "-XAtqz0", "-v", "ON_ERROR_STOP=1")
        ran = run((*argv, *self._where, "-d", database), source=script, account=self.account)
        if ran.code != 0:
            raise Failed(Reason.DAMAGED, f"{database}: {ran.last_line}")
        values = ran.out.decode("utf-8", "replace").split("\0")[:-1]
        return [values[at : at + columns] for at in range(0, len(values), columns)]

    def amcheck(self) -> None:
        """Read every table and every index, and hold them against each other.

        Raises:
            Failed: damaged.
        """
        argv = (self.stanza.program("pg_amcheck"), "--all", "--install-missing", "--heapallindexed")
        ran = run((*argv, *self._where), account=self.account)
        if ran.code != 0:
            lines = (ran.out or ran.err).decode("utf-8", "replace").splitlines()
            raise Failed(Reason.DAMAGED, " ".join(line.strip() for line in lines[:2])[:300])

    @property
    def _where(self) -> tuple[str, ...]:
        return ("-h", str(self.work), "-p", "5432", "-U", "postgres")


@contextmanager
def recovered(
    repository: Repository,
    place: Path,
    work: Path,
    data: Path,
    until: str | None,
    patience: float | None = None,
) -> Iterator[Server]:
    """Start one on restored files, have it replay the log, and stop it at the end.

    Args:
        repository: Where the log is.
        place: As in Server.
        work: As in Server.
        data: The restored files.
        until: RFC 3339, up to which it replays; None for all that there is.
        patience: Seconds that it may take; None where a person waits for it.

    Raises:
        Failed: not_reached, not_started or too_slow, and it does not run.
    """
    stanza = repository.stanza
    server = Server(stanza, place, work, data, account(stanza.user))
    _configure(repository, server, until)
    log = place / "log"
    argv = (stanza.program("postgres"), "-D", str(data), f"--config-file={place}/postgresql.conf")
    process = start(argv, log, server.account)
    try:
        _wait(server, process, log, patience)
        yield server
    finally:
        _stop(server, process)


def _configure(repository: Repository, server: Server, until: str | None) -> None:
    kept = "".join(f"{name} = {value}\n" for name, value in _numbers(server).items())
    target = f"recovery_target_time = '{until}'\n" if until is not None else ""
    command = repository.fetch_command(server.data).replace("'", "''")
    where = f"unix_socket_directories = '{server.work}'\nhba_file = '{server.place}/pg_hba.conf'\n"
    text = f"{_SETTINGS}{where}restore_command = '{command}'\n{target}{kept}"
    write(server.place / "postgresql.conf", text)
    write(server.place / "pg_hba.conf", "local all all trust\n")
    # What ALTER SYSTEM set would come after ours.
    emptied = ("truncate", "--size=0", "--", str(server.data / AUTO))
    for argv in (emptied, ("touch", "--", str(server.data / "recovery.signal"))):
        as_its_user(argv, server.account)


def as_its_user(
    argv: Sequence[str], account: Account, source: Path | None = None, target: Path | None = None
) -> None:
    """Do something where PostgreSQL's user may write, as that user.

    Raises:
        Failed: not_started; it could not be done.
    """
    ran = run(argv, source=source, target=target, account=account)
    if ran.code != 0:
        raise Failed(Reason.NOT_STARTED, ran.last_line)


def _numbers(server: Server) -> dict[str, str]:
    argv = (server.stanza.program("pg_controldata"), str(server.data))
    ran: Ran = run(argv, account=server.account)
    if ran.code != 0:
        raise Failed(Reason.NOT_STARTED, ran.last_line)
    lines = (line.partition(":") for line in ran.out.decode("utf-8", "replace").splitlines())
    return {_KEPT[key]: value.strip() for key, _, value in lines if key in _KEPT}


def _wait(server: Server, process: "Popen[bytes]", log: Path, patience: float | None) -> None:
    ready = (server.stanza.program("pg_isready"), "-q", "-h", str(server.work), "-p", "5432")
    began = time.monotonic()
    while run(ready, account=server.account).code != 0:
        if process.poll() is not None:
            raise _why(log)
        if patience is not None and time.monotonic() - began > patience:
            raise Failed(
                Reason.TOO_SLOW,
                f"recovery was not over after {patience:g} s; the last that it said: {_last(log)}",
            )
        time.sleep(_AGAIN)


def _last(log: Path) -> str:
    """Return the last of its words that are not about us, who ask too early again and again."""
    lines = log.read_text("utf-8", "replace").splitlines()
    return next((line for line in reversed(lines) if "FATAL:" not in line), "nothing")[:200]


def _why(log: Path) -> Failed:
    """Return why a PostgreSQL ended before anybody could ask it anything."""
    lines = log.read_text("utf-8", "replace").splitlines()
    ends = [text for line in lines for text in (_ended(line),) if text]
    said = (ends or lines or ["it said nothing"])[-1]
    if said.startswith(_NOT_REACHED):
        return Failed(Reason.NOT_REACHED, f"{said}: the archive ends before it, or has a gap")
    if "WAL ends before" in said or "could not locate required checkpoint" in said:
        return Failed(Reason.WAL_MISSING, said)
    return Failed(Reason.NOT_STARTED, said)


def _ended(line: str) -> str:
    """Return what a line of the log says of a process's end; empty where it is about us, who asked too early."""
    text = re.split("FATAL:|PANIC:", line)[1:]
    said = text[0].strip() if text else ""
    return "" if said.startswith("the database system is") else said


def _stop(server: Server, process: "Popen[bytes]") -> None:
    """Stop it, also where it takes its time; nothing of it is left running."""
    for how in ("fast", "immediate"):
        if process.poll() is None:
            stop = (
                server.stanza.program("pg_ctl"),
                "stop",
                "-W",
                "-m",
                how,
                "-D",
                str(server.data),
            )
            run(stop, account=server.account)
            try:
                process.wait(STOP_SECONDS)
            except TimeoutExpired:
                continue
