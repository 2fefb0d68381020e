"""The one file that tells other commands what lab is up: written when its last node has booted."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.names import Place
from lab.node import NodePlan
from lab.ports import LabError


@dataclass(frozen=True, slots=True)
class Record:
    """What a lab is made of.

    Attributes:
        scenario: Directory of the scenario.
        nodes: In the order of cluster.yml.
    """

    scenario: Path
    nodes: tuple[NodePlan, ...]


def write(place: Place, record: Record) -> None:
    """Write the record; from then on the lab counts as up."""
    body = {"scenario": str(record.scenario), "nodes": [asdict(node) for node in record.nodes]}
    beside = place.record.with_suffix(".new")
    beside.write_text(json.dumps(body, indent=1))
    beside.rename(place.record)


def read(place: Place) -> Record:
    """Read the record.

    Raises:
        LabError: The lab is not up, or what is there was written by another version.
    """
    try:
        body = json.loads(place.record.read_text())
        return Record(Path(body["scenario"]), tuple(NodePlan(**node) for node in body["nodes"]))
    except FileNotFoundError as missing:
        raise LabError(
            f"lab {place.id} is not up; start it with `hale-lab up SCENARIO`"
        ) from missing
    except (ValueError, KeyError, TypeError) as broken:
        raise LabError(f"{place.record}: {broken}; end the lab with `hale-lab down`") from broken
