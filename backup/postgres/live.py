"""The member of this node, of which one thing is asked: of when its newest transaction is."""

from backup.postgres.stanza import Stanza
from backup.program import account, run

_SQL = "SELECT extract(epoch FROM pg_last_xact_replay_timestamp())"


def newest_transaction(stanza: Stanza) -> float | None:
    """Return it in Unix seconds; None where the member leads, does not run, or has replayed none yet."""
    argv = (stanza.program("psql"), "-XAtq", "-d", "postgres", "-U", "postgres", "-c", _SQL)
    where = ("-h", stanza.socket_dir, "-p", str(stanza.port))
    ran = run((*argv, *where), {"PGCONNECT_TIMEOUT": "10"}, account=account(stanza.user))
    text = ran.out.decode("ascii", "replace").strip()
    return float(text) if ran.code == 0 and text else None
