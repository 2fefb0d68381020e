"""The clusters of the schedules, and which one a seed has."""

from healer.core.ladder import Mode
from healer.core.topology import Numbers
from tests.healer.safety.described import NUMBERS, TIGHT
from tests.healer.safety.site import Crew, Files, Job, Site

CONTROL = Crew(("mon1", "mon2"), 1, control=True, mode=Mode.EXPLAIN)
MONITORS = {"mon1": "rack-a", "mon2": "rack-b"}

TIER = Site(
    "tier",
    racks={
        **MONITORS,
        "lb1": "rack-c",
        "lb2": "rack-d",
        "web1": "rack-c",
        "web2": "rack-d",
        "web3": "rack-b",
    },
    crews={
        "control": CONTROL,
        "lb": Crew(("lb1", "lb2"), 1),
        "web": Crew(("web1", "web2", "web3"), 2),
    },
    jobs={"haproxy": Job("lb"), "nginx": Job("web"), "app": Job("web", ("nginx",))},
    healers=("mon1", "mon2"),
    pools={"web": ("lb", "web", "nginx")},
    rungs=("service.restart", "pool.drain", "address.decline"),
    addresses={"front": ("192.0.2.1", "lb"), "back": ("192.0.2.2", "lb")},
)

VOTERS = Site(
    "voters",
    racks={**MONITORS, "db1": "rack-a", "db2": "rack-b", "db3": "rack-c", "spare": "rack-c"},
    crews={
        "control": CONTROL,
        "db": Crew(("db1", "db2", "db3"), 1, votes=True),
        "careful": Crew(("spare",), 0, mode=Mode.APPROVE),
    },
    jobs={"etcd": Job("db"), "batch": Job("careful")},
    healers=("mon1", "mon2"),
    rungs=("service.restart", "node.reboot"),
)

MIXED = Site(
    "mixed",
    racks={**MONITORS, "n1": "rack-c", "n2": "rack-c", "n3": "rack-b", "n4": "rack-d"},
    crews={
        "control": CONTROL,
        "api": Crew(("n1", "n2", "n3"), 2),
        "cache": Crew(("n2", "n3", "n4"), 2),
        "share": Crew(("n1", "n4"), 0),
        "safe": Crew(("n4",), 0),
        "quiet": Crew(("n3",), 0, mode=Mode.EXPLAIN),
    },
    jobs={
        "web": Job("api"),
        "redis": Job("cache"),
        "disk": Job("share", exclusive=True),
        "vault": Job("safe", stores=True),
        "log": Job("quiet"),
    },
    healers=("mon1", "mon2"),
    rungs=("service.restart", "node.reboot"),
    asks=frozenset({"node.reboot"}),
)

PAIR = Site(
    "pair",
    racks={
        **MONITORS,
        "s1": "rack-c",
        "s2": "rack-d",
        "n1": "rack-e",
        "n2": "rack-e",
    },
    crews={
        "control": CONTROL,
        "store": Crew(("s1", "s2"), 0),
        "api": Crew(("n1", "n2"), 1),
    },
    jobs={"share": Job("store", exclusive=True), "web": Job("api")},
    healers=("mon1", "mon2"),
    fencing={"s1": ("mon1", "mon2"), "s2": ("mon2", "mon1")},
)

FILES = Site(
    "files",
    racks={**MONITORS, "w1": "rack-c", "w2": "rack-c", "w3": "rack-d", "k1": "rack-d"},
    crews={
        "control": CONTROL,
        "web": Crew(("w1", "w2", "w3"), 1),
        "book": Crew(("k1",), 0),
    },
    jobs={"nginx": Job("web"), "wiki": Job("book")},
    healers=("mon1", "mon2"),
    rungs=("files.restore", "service.restart"),
    attempts=1,
    backups={"site": Files("nginx", rebuildable=True), "wiki": Files("wiki", rebuildable=False)},
)

COPIES = Site(
    "copies",
    racks={
        **MONITORS,
        "p1": "rack-c",
        "p2": "rack-d",
        "p3": "rack-e",
        "n1": "rack-f",
        "n2": "rack-f",
    },
    crews={
        "control": CONTROL,
        "db": Crew(("p1", "p2", "p3"), 1),
        "api": Crew(("n1", "n2"), 1),
    },
    jobs={"postgres": Job("db"), "web": Job("api")},
    healers=("mon1", "mon2"),
    databases={"main": "postgres"},
)

SITES = (TIER, VOTERS, MIXED, PAIR, FILES, COPIES)


def drawn(seed: int) -> tuple[Site, Numbers]:
    """The cluster and the numbers of a seed."""
    return SITES[seed % len(SITES)], TIGHT if seed % 7 == 0 else NUMBERS
