"""The block `sentinels`: a Redis with its replicas, of which Redis Sentinel says who is the master.

Each node of the group runs one Redis and one Sentinel. Rule: what is written here fits redis.conf as it is.
"""

from pydantic.json_schema import SkipJsonSchema

from cluster.fields import AtLeastOne, Block, Bytes, Count, File, Flag, Name, Period, Port

REDIS_PORT = 6379
SENTINEL_PORT = 26379
EXPORTER_PORT = 9121
"""Where Debian's prometheus-redis-exporter listens."""


class Sentinel(Block):
    """A master and its replicas.

    Attributes:
        name: Sentinel's name of the master.
        group: Its nodes run one Redis and one Sentinel each.
        service: Redis itself, whose unit is redis-server's.
        watch: Sentinel, where it is declared as a service.
        port: Of Redis, on every node.
        sentinel_port: Of Sentinel, on every node.
        credentials: Holds `user:password` of a Sentinel user that may ask and fail over; None where it asks for none.
        passwords: A file of redis.conf's own kind with what people must not read; None where there are none.
        quorum: Sentinels that have to agree that the master is gone; None for most of them.
        down_after: Seconds without an answer after which a Sentinel takes the master for gone.
        failover_timeout: Seconds after which a failover that came to nothing may be tried again.
        min_replicas: Replicas without which the master takes no writes, so that one that is cut off soon stops.
        max_lag: Seconds without a word after which a replica does not count among these.
        max_behind: Bytes that a replica may be behind and still be a good copy.
        manage: Whether render writes Redis' and Sentinel's settings.
    """

    name: SkipJsonSchema[Name]
    group: Name
    service: Name
    watch: Name | None = None
    port: Port = REDIS_PORT
    sentinel_port: Port = SENTINEL_PORT
    credentials: File | None = None
    passwords: File | None = None
    quorum: AtLeastOne | None = None
    down_after: Period = 5.0
    failover_timeout: Period = 60.0
    min_replicas: Count = 1
    max_lag: Period = 10.0
    max_behind: Bytes = 1024 * 1024
    manage: Flag = False

    def agreed(self, members: int) -> int:
        """Return how many Sentinels have to agree, of so many."""
        return self.quorum or members // 2 + 1
