"""Where the healer's process begins and ends, and where its journal is made."""

import gc
import socket
from importlib.metadata import version
from pathlib import Path

from healer import logs
from healer import settings as cluster_yml
from healer.adapters import stores
from healer.adapters.gate_ssh import SshConnector
from healer.adapters.gates import SshGates
from healer.clock import SystemClock
from healer.core.order import Token
from healer.first_era import hear, initial_era
from healer.life import Life

DISTRIBUTION = "hale-ha"

LOOK_FOR_CYCLES = 20_000
"""Objects that are more than were let go, after which Python looks for cycles among them; by itself it does so after
700. What thousands of alerts are made of is kept for long and has none, and looking took a quarter of a storm's time
(bench/storm.py)."""


async def run(config: Path, listen: str, control: Path, node: str | None = None) -> None:
    """Run the healer until a signal or the loss of its lease ends it.

    Args:
        config: cluster.yml.
        listen: `HOST:PORT` for everybody.
        control: The control socket's path.
        node: Which of its healers this is; None where there is only one, or this machine is called like it.

    Raises:
        ConfigError: It cannot start; the message says what to do. Nothing was changed.
        LeaseLost: Another healer leads. What was sent is settled by that one.
    """
    logs.configure()
    gc.set_threshold(LOOK_FOR_CYCLES)
    life = Life(
        lambda: cluster_yml.read_as(config, node, socket.gethostname()),
        listen,
        SystemClock(),
        version(DISTRIBUTION),
    )
    await life.live(control)


async def init_store(config: Path, era: int | None) -> int:
    """Make an empty journal, above every era that a gate has obeyed; return its era.

    Raises:
        ConfigError: There is a journal already, or the era is not safe. Nothing was changed.
    """
    loaded = cluster_yml.read(config)
    connector = SshConnector(loaded.ssh)
    cluster = loaded.topology.cluster
    gates = SshGates(connector, cluster=cluster, token=Token(0, 0), lease_seconds=lambda: 0.0)
    try:
        heard = await hear(gates, loaded.topology.nodes)
    finally:
        await gates.close()
        await connector.close()
    chosen = initial_era(heard, era)
    await stores.init_store(loaded.store, chosen, heard.highest)
    return chosen
