"""The block `pacemakers`: nodes on which Pacemaker decides what runs where, and fences by itself."""

from collections.abc import Mapping
from typing import Annotated

from pydantic.json_schema import SkipJsonSchema

from cluster.fields import NOT_EMPTY, Block, Name


class Pacemaker(Block):
    """A Pacemaker cluster.

    Attributes:
        group: Its nodes, which Pacemaker knows by the same names.
        resources: The declared service that each of its resources runs, by the resource's id.
    """

    name: SkipJsonSchema[Name]
    group: Name
    resources: Annotated[Mapping[Name, Name], NOT_EMPTY]
