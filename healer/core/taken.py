"""What every gate keeps away, as its exporter told last: it stands on while the exporter is silent.

A fold over the pictures, as holders and storms are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from healer.core.actions import LOCK
from healer.core.picture import Picture

Marks = frozenset[tuple[str, str]]
"""Marks at one gate, as (mark, subject)."""


@dataclass(frozen=True)  # without slots, so that it can keep what it works out
class Taken:
    """Every mark that stands, as far as exporters have told.

    Attributes:
        told: By the gate's node. One whose exporter never answered is not in it.
    """

    told: Mapping[str, Marks] = field(default_factory=dict)

    @cached_property
    def locked(self) -> frozenset[str]:
        """The nodes that are locked at their own gates."""
        return frozenset(node for node, marks in self.told.items() if (LOCK, node) in marks)

    def after(self, picture: Picture | None) -> "Taken":
        """Return them with one more picture taken in; of whom it says nothing, what was told before holds."""
        if picture is None:
            return self
        seen: dict[str, set[tuple[str, str]]] = {
            node: set() for node, health in picture.nodes.items() if health.scraped
        }
        for one in picture.marks:
            # Its last words, where the exporter does not answer any more.
            before = self.told.get(one.node, frozenset())
            seen.setdefault(one.node, set(before)).add((one.mark, one.subject))
        return Taken({**self.told, **{node: frozenset(marks) for node, marks in seen.items()}})
