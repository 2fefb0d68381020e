"""One database as backup.json has it. `stanza` is pgBackRest's word for a database cluster and its backups."""

from dataclasses import dataclass

from backup.fields import Fields, path

_KEYS = (
    *("tool", "data_dir", "socket_dir", "port", "programs", "user", "configuration", "leader_url"),
    *("alone", "full_every_seconds", "recovery_point_seconds", "recovery_time_seconds"),
    *("size_drop", "drill_period_seconds", "scratch"),
)


@dataclass(frozen=True, slots=True)
class Stanza:
    """A PostgreSQL cluster that Patroni runs, one member of which is on this node.

    Attributes:
        data_dir: PostgreSQL's files; nothing here ever writes to it.
        socket_dir: Where the member listens, with its `port`.
        programs: The folder of postgres and its like.
        user: Whom PostgreSQL runs as, also what is restored.
        configuration: The folder of pgBackRest's configuration.
        leader_url: What this node's Patroni answers with 200 while it leads.
        alone: Whether there is no other member, so that the one that leads drills too.
        full_every: Seconds after which a backup is a full one again.
        recovery_point: Seconds; what is lost at the most, as promised.
        recovery_time: Seconds; how long a restore takes at the most, as promised.
        size_drop: A backup smaller than the one before by more than this share is not believed.
        drill_period: Seconds for which the proof of a drill counts.
        scratch: Where drills restore to.
    """

    name: str
    data_dir: str
    socket_dir: str
    port: int
    programs: str
    user: str
    configuration: str
    leader_url: str
    alone: bool
    full_every: float
    recovery_point: float
    recovery_time: float
    size_drop: float
    drill_period: float
    scratch: str

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's own programs."""
        return f"{self.programs}/{name}"


def parse(name: str, value: object) -> Stanza:
    """Read one entry of `backups`.

    Raises:
        ValueError: which key is wrong, and what is wanted.
    """
    one = Fields(value, f"backups.{name}.", _KEYS)

    def place(key: str) -> str:
        return path(one.text(key), one.where(key))

    return Stanza(
        name=name,
        data_dir=place("data_dir"),
        socket_dir=place("socket_dir"),
        port=int(one.number("port", 1, 65535)),
        programs=place("programs"),
        user=one.text("user"),
        configuration=place("configuration"),
        leader_url=one.text("leader_url"),
        alone=one.flag("alone"),
        full_every=one.number("full_every_seconds", 0),
        recovery_point=one.number("recovery_point_seconds", 0),
        recovery_time=one.number("recovery_time_seconds", 0),
        size_drop=one.number("size_drop", 0, 1),
        drill_period=one.number("drill_period_seconds", 0),
        scratch=place("scratch"),
    )
