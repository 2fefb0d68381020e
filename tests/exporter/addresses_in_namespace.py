"""Run by test_addresses.py in a network namespace of its own: addresses come and go, and are to be seen at once."""

import asyncio

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collectors.addresses import Addresses, Interfaces
from exporter.config import VirtualAddress

PATIENCE = 10.0  # seconds
SIX = "fd00:77:0::100"  # not as the kernel writes it


async def main() -> None:
    """Print how long each change took to be seen, in seconds."""
    interfaces = Interfaces(
        [
            VirtualAddress("vip", "10.77.0.100", "lo", "lb", 51),
            VirtualAddress("six", SIX, "lo", "lb", 52),
        ],
        Threads(),
    )
    interfaces.interval = 60.0  # only what is heard is looked at
    collector = Addresses(interfaces, Clock())
    task = asyncio.create_task(collector.run())
    await collector.settled()
    assert held(collector) == {"10.77.0.100": "0", SIX: "0"}, held(collector)
    for change, four, six in (
        ("add 10.77.0.100/24", "1", "0"),
        (f"add {SIX}/64 nodad", "1", "1"),
        ("del 10.77.0.100/24", "0", "1"),
        (f"del {SIX}/64", "0", "0"),
    ):
        ip = await asyncio.create_subprocess_exec("ip", "addr", *change.split(), "dev", "lo")
        assert await ip.wait() == 0
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENCE):
            while held(collector) != {"10.77.0.100": four, SIX: six}:
                await asyncio.sleep(0.005)
        print(f"{change}: {asyncio.get_running_loop().time() - began:.3f}")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def held(collector: Addresses) -> dict[str, str]:
    """Return what is shown of each address."""
    rows = collector.latest().body.decode().splitlines()
    return {row.split('"')[1]: row.split()[-1] for row in rows if not row.startswith("#")}


if __name__ == "__main__":
    asyncio.run(main())
