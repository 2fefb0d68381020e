"""The block `databases`: PostgreSQL clusters that Patroni runs.

Patroni owns who leads; a node's gate asks Patroni of that node, and bars a member by a file that Patroni reads.
"""

from pydantic.json_schema import SkipJsonSchema

from cluster.fields import Block, Bytes, File, Flag, Name, Port

PATRONI_PORT = 8008
BARS = "/var/lib/hale-gate/bar"
"""Where a gate keeps a file for each database; Patroni reads them last of its configuration."""


class Database(Block):
    """A PostgreSQL cluster, one of whose members leads at a time.

    Attributes:
        group: Its nodes are the members; Patroni's names of them are the nodes' names.
        service: What the members run; its unit is Patroni's.
        scope: Patroni's name of the cluster; None for the name here.
        port: Of Patroni's REST API on every member.
        credentials: Holds `user:password` for that API, on one line; None where it asks for none.
        max_lag: Bytes that a member may be behind and still be asked to lead.
        synchronous: Whether a write is acknowledged only once another member has it too.
        manage: Whether render writes all of Patroni's configuration.
    """

    name: SkipJsonSchema[Name]
    group: Name
    service: Name
    scope: Name | None = None
    port: Port = PATRONI_PORT
    credentials: File | None = None
    max_lag: Bytes = 1024 * 1024
    synchronous: Flag = False
    manage: Flag = False

    @property
    def called(self) -> str:
        """Patroni's name of the cluster."""
        return self.scope or self.name

    @property
    def bar_file(self) -> str:
        """The file by which a gate has Patroni of its node never lead."""
        return f"{BARS}/{self.name}.yml"
