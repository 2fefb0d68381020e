"""A scenario's directory: cluster.yml says what the cluster is, lab.yml what its nodes run.

lab.yml is optional; every key of it has a default. Mistakes are printed with file, line and
column, all at once, before anything is made.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError

from cluster.document import parse
from cluster.errors import ConfigErrors
from cluster.fields import Block, Bytes, Name, Unit, Url
from cluster.load import Loaded
from cluster.load import read as read_cluster
from cluster.model import Cluster
from lab.cgroups import HOST
from lab.node import NodePlan
from lab.ports import LabError

_LONGEST_NAME = 20
"""A node's container is called halelab-ID-NAME, and a host name has at most 64 characters."""


class LabFile(Block):
    """What lab.yml says.

    Attributes:
        install: Whether the nodes get Hale; without it they are plain Debian.
        packages: Debian packages beyond the image's own.
        memory: Limit of each node.
        root: Size of the disk that / is written to.
        data: Size of the disk at /data.
        units: Units that each node starts, besides Hale's own and ssh.
        load: URLs that stand for the users' requests.
        shared: Nodes that have one folder of the lab host in common, as /shared.
        fencers: Nodes on which somebody else than Hale cuts power, as Pacemaker does, with the lab's agent.
    """

    install: bool = True
    packages: tuple[Name, ...] = ()
    memory: Bytes = 1 << 30
    root: Bytes = 2 << 30
    data: Bytes = 256 << 20
    units: dict[Name, tuple[Unit, ...]] = Field(default_factory=dict)
    load: tuple[Url, ...] = ()
    shared: tuple[Name, ...] = ()
    fencers: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, read and checked.

    Attributes:
        directory: Where it was read from; `files/NODE/` and `files/all/` in it go onto the nodes.
        loaded: cluster.yml with its text.
        lab: lab.yml.
    """

    directory: Path
    loaded: Loaded
    lab: LabFile

    @property
    def cluster(self) -> Cluster:
        """What cluster.yml says."""
        return self.loaded.cluster

    @property
    def plans(self) -> tuple[NodePlan, ...]:
        """What each node is to be, in the order of cluster.yml."""
        return tuple(
            NodePlan(
                *(name, node.address, self.lab.memory, self.lab.root, self.lab.data),
                shared=name in self.lab.shared,
            )
            for name, node in self.cluster.nodes.items()
        )

    def units(self, node: str) -> tuple[str, ...]:
        """Return the units that lab.yml starts on a node."""
        return self.lab.units.get(node, ())


def find(name: str) -> Path:
    """Return the directory of a scenario that is given by its path or by its name alone.

    Raises:
        LabError: There is none; the message lists those that are.
    """
    if (Path(name) / "cluster.yml").is_file():
        return Path(name).resolve()
    known = Path(str(resources.files("scenarios")))
    if "/" not in name and (known / name / "cluster.yml").is_file():
        return known / name
    names = sorted(path.parent.name for path in known.glob("*/cluster.yml"))
    raise LabError(
        f"scenario {name!r}: no directory with a cluster.yml. Known: {', '.join(names)}, or a path"
    )


def load(directory: Path) -> Scenario:
    """Read a scenario.

    Raises:
        LabError: A file is wrong; the message has every mistake with its place.
    """
    try:
        loaded = read_cluster(directory / "cluster.yml")
        scenario = Scenario(directory, loaded, _lab_file(directory / "lab.yml"))
    except ConfigErrors as errors:
        raise LabError(str(errors)) from errors
    _check(scenario)
    return scenario


def _lab_file(path: Path) -> LabFile:
    if not path.exists():
        return LabFile()
    document = parse(path.read_bytes(), str(path))
    try:
        found = LabFile.model_validate(document.value)
    except ValidationError as errors:
        problems = [
            document.problem(tuple(error["loc"]), error["msg"]) for error in errors.errors()
        ]
        raise ConfigErrors((*document.problems, *problems)) from errors
    if document.problems:
        raise ConfigErrors(document.problems)
    return found


def _check(scenario: Scenario) -> None:
    """Refuse what cluster.yml may say but this lab cannot build."""
    lab_yml = scenario.directory / "lab.yml"
    wrong = [
        f"{lab_yml}: units.{name}: no such node. Known: {', '.join(scenario.cluster.nodes)}"
        for name in scenario.lab.units
        if name not in scenario.cluster.nodes
    ]
    wrong += [
        f"{lab_yml}: {key}: no such node {name!r}. Known: {', '.join(scenario.cluster.nodes)}"
        for key, names in (("shared", scenario.lab.shared), ("fencers", scenario.lab.fencers))
        for name in names
        if name not in scenario.cluster.nodes
    ]
    for name, node in scenario.cluster.nodes.items():
        if not node.address.startswith("10.77.0.") or node.address == "10.77.0.1":
            wrong.append(f"node {name}: address {node.address}: a lab has 10.77.0.2 to 10.77.0.254")
        if name == HOST or len(name) > _LONGEST_NAME or not name.replace("-", "").isalnum():
            wrong.append(f"node {name}: a lab's node is 1 to {_LONGEST_NAME} letters, digits and -")
    if wrong:
        raise LabError("\n".join(wrong))
