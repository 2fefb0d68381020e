"""What the judge holds against a restore: it was proved, the disk is well, an owner agreed, and it is done once.

Rule: a damage lasts from when its service was well last until it is well again or its node is gone, whatever was tried
in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import RESTORE
from healer.core.alert import Target
from tests.healer.safety.site import OWNER, Site
from tests.healer.safety.world import World


@dataclass
class Restores:
    """All that were decided or begun.

    Attributes:
        began: When the last one began, by what it was of.
        agreed: When an owner agreed to one by name, by incident.
    """

    world: World
    began: dict[Target, float] = field(default_factory=dict)
    agreed: dict[str, float] = field(default_factory=dict)

    def recorded(self, event: ev.Event) -> None:
        """Take in what people said."""
        match event:
            case ie.ApprovalGiven(incident) if (event.by, event.action) == (OWNER, RESTORE):
                self.agreed[incident] = self.world.now
            case ie.IncidentAdopted() | ie.IncidentRetried():
                self.began.clear()  # a person wants it tried again
            case _:
                pass

    def decided(
        self, intent: ie.ActionIntended, site: Site, good_for: float, lag: float
    ) -> Iterator[str]:
        """Yield what is wrong with the decision to restore.

        Args:
            intent: As the journal has it.
            site: As cluster.yml described it then.
            good_for: Seconds for which a yes is good.
            lag: Seconds for which somebody may act on how things were.
        """
        now, node, backup = self.world.now, intent.gate, dict(intent.args)["backup"]
        vaults = self.world.vaults
        unproved = vaults.kept[node, backup].unproved_since
        if unproved is not None and now - unproved > lag:
            yield f"no drill proved {backup} there for {now - unproved:.1f} s"
        failing = vaults.failing.get(node)
        if failing is not None and now - failing > lag:
            yield f"a disk of {node} fails for {now - failing:.1f} s"
        said = self.agreed.get(intent.incident)
        if not site.backups[backup].rebuildable and (said is None or now - said > good_for + lag):
            yield "no owner agreed to it by name"

    def begins(self, place: Target) -> Iterator[str]:
        """Yield what is wrong with a restore that begins now."""
        world, before = self.world, self.began.get(place, -1000.0)
        # What a node that was gone says once it is back is told anew, and is looked at as new.
        gone = world.light_since.get(place.node, -1000.0) >= before
        if not world.well(place) and world.since[place] < before and not gone:
            yield f"it was restored {world.now - before:.1f} s ago for the same damage"
        self.began[place] = world.now
