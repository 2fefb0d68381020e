"""What a node's way out of service and back is in the tier, as the diary tells it, and how to begin it."""

from healer.core.look import Mark
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_events import Kind
from tests.healer.village import Village

HOURS = 7200.0
LOCKED = Mark("node.lock", "web2", ("person:ann",), True)
TAKEN = [
    "gate web1 node.lock",
    "silence web1",
    "gate lb1 pool.drain web1 web",
    "gate lb2 pool.drain web1 web",
]
GIVEN_BACK = [
    "gate lb2 pool.return web1 web",
    "gate lb1 pool.return web1 web",
    "gate web1 node.unlock",
    "expire web1",
]


async def start(village: Village, node: str = "web1", kind: Kind = Kind.PERSON) -> Upkeep:
    return await village.upkeeper.begin(node, kind, "new fan", "root", HOURS)


def done(village: Village) -> list[str]:
    """Return what was done outside, in order."""
    return [one for one in village.diary if one.startswith(("gate ", "silence ", "expire "))]


def phase(village: Village, number: int = 1) -> Phase:
    return village.journal.board.planned.upkeeps[str(number)].phase
