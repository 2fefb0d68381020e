"""The names of everything a lab makes, all derived from its id.

The rule: whatever a lab leaves on the machine can be found again by these names alone, so that
`hale-lab down` needs no memory of what a killed `hale-lab up` had already done.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lab.ports import LabError

DEFAULT_ID = "main"
STATE = Path("/run/hale/lab")
CACHE = Path("/var/cache/hale/lab")
_ID = re.compile(r"[a-z][a-z0-9]{0,11}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one lab keeps its things.

    Attributes:
        id: One to twelve of a-z and 0-9, a letter first; two labs of one machine differ in it.
        state: Directory of state directories, one per lab.
        cache: Directory of images, shared by all labs.
    """

    id: str = DEFAULT_ID
    state: Path = STATE
    cache: Path = CACHE

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise LabError(
                f"lab id {self.id!r}: wanted 1 to 12 of a-z and 0-9, a letter first. Choose another --id."
            )

    @property
    def name(self) -> str:
        """Name of the control groups and of the transient unit, and prefix of containers' names."""
        return f"halelab-{self.id}"

    @property
    def directory(self) -> Path:
        """The lab's state; it exists exactly as long as something of the lab may."""
        return self.state / self.id

    @property
    def lock(self) -> Path:
        """Lock file of whoever changes the lab."""
        return self.state / f"{self.id}.lock"

    @property
    def record(self) -> Path:
        """What other commands must know about the running lab."""
        return self.directory / "lab.json"

    @property
    def disks(self) -> Path:
        """Mount point of the tmpfs that holds the nodes' disks."""
        return self.directory / "disks"

    @property
    def shared(self) -> Path:
        """What nodes have as /shared, where their scenario says so."""
        return self.directory / "shared"

    @property
    def lxcfs(self) -> Path:
        """Mount point of the lab's lxcfs."""
        return self.directory / "lxcfs"

    @property
    def namespace(self) -> Path:
        """The network namespace's handle: a mount, as iproute2 does it, but among our own."""
        return self.directory / "network"

    @property
    def workshop(self) -> Path:
        """Where images are built before they are moved into the cache; goes with the lab."""
        return self.cache / f"building-{self.id}"

    def node(self, node: str) -> Path:
        """Directory of a node's state and mount points."""
        return self.directory / "nodes" / node

    def machine(self, node: str) -> str:
        """Name of a node's container; unlike the node's name it is unique on the machine."""
        return f"{self.name}-{node}"
