"""files.restore: only what a drill proved, never to a failing disk, and never without an owner's yes to older data."""

from dataclasses import dataclass, field, replace

import pytest

from healer.core import incident_events as ie
from healer.core.actions import steps
from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.draft import expect
from healer.core.facts import Facts
from healer.core.guards.restores import said
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import BackupLook, Heard
from healer.core.plan import Escalate, plan
from healer.core.topology import Backup, Topology
from tests.healer.core.guarded import opened
from tests.healer.core.world import CALL, NOW, VERIFY, World, topology

SNAPSHOT = "a" * 64
PROVEN = BackupLook(
    SNAPSHOT,
    "2026-11-28T02:00:00Z",
    "2026-11-28T03:00:00Z",
    "2026-11-28T09:12:00Z",
    "2026-11-28T09:15:00Z",
)
RESTORE = Rung("files.restore", None, False, 900.0, VERIFY, 2, 60.0)


def backed_up(*, rebuildable: bool = False, **changes: object) -> Topology:
    plain = topology(**changes)
    backup = Backup("site", ("web1", "web2"), "nginx", rebuildable)
    ladder = Ladder("restart-service", Mode.ACT, (RESTORE, CALL))
    return replace(plain, backups={"site": backup}, ladders={"restart-service": ladder})


@dataclass
class Site:
    """A service that is down, and a backup of its files.

    Attributes:
        seen: What web1's gate says of the backup.
        failing: Nodes with a failing disk.
    """

    rebuildable: bool = False
    seen: BackupLook | None = PROVEN
    failing: set[str] = field(default_factory=set)
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.world.topology = backed_up(rebuildable=self.rebuildable)
        self.world.down.add(Target("web1", "nginx"))

    def opened(self) -> Incident:
        return opened(self.world)

    def facts(self, incident: Incident) -> Facts:
        plain = self.world.facts(incident)
        assert plain.picture is not None
        look = plain.gates["web1"].look
        assert look is not None
        gates = {**plain.gates, "web1": Heard(replace(look, backups={"backup:site": self.seen}))}
        picture = replace(plain.picture, failing=frozenset(self.failing))
        return replace(plain, gates=gates, picture=picture)

    def verdict(self, incident: Incident) -> tuple[str, str]:
        match decide(incident, self.facts(incident), None):
            case Hold(_, hold):
                return hold.guard, hold.reason or ""
            case Act():
                return "", "act"
            case other:
                return "", type(other).__name__


def agreed(site: Site, incident: Incident, by: str = "ann") -> Incident:
    """Have a person agree to what is proposed now."""
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Hold)
    proposal = decision.proposal
    site.world.journal(
        ie.ApprovalGiven(
            incident.id,
            proposal.ladder.name,
            proposal.rung_index,
            proposal.target,
            proposal.expectation,
            by,
            NOW + 900,
        )
    )
    return site.world.board.incidents[incident.id]


def test_no_ladder_waives_that_an_owner_agrees():
    """The rung asks for nobody, and its mode is act."""
    site = Site()
    incident = site.opened()
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Hold)
    assert (decision.hold.guard, decision.hold.reason) == ("approved", "approval_needed")
    assert decision.proposal.rung.by_owner
    assert "An owner decides here" in decision.hold.sentence


def test_whoever_agrees_sees_the_backups_time_beside_the_newest_change():
    site = Site()
    incident = site.opened()
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Hold)
    assert "of 2026-11-28T02:00:00Z" in decision.hold.need
    told = "last change 2026-11-28T09:12:00Z as of the run at 2026-11-28T09:15:00Z, of later ones nobody knows"
    assert told in decision.hold.need


def test_where_an_older_gate_does_not_say_as_of_when_that_is_said_too():
    assert "as of a run of unknown time" in said(replace(PROVEN, changed_seen_at=None))
    assert said(replace(PROVEN, changed_at=None)).endswith("last change unknown")


def test_an_owners_yes_is_for_that_snapshot_alone():
    site = Site()
    incident = agreed(site, site.opened())
    assert site.verdict(incident) == ("", "act")
    site.seen = replace(PROVEN, snapshot="b" * 64)
    assert site.verdict(incident) == ("approved", "approval_needed")


def test_what_can_be_made_anew_is_put_back_without_a_person():
    site = Site(rebuildable=True)
    assert site.verdict(site.opened()) == ("", "act")


@pytest.mark.parametrize(
    ("seen", "reason"), [(None, "backup_unknown"), (BackupLook(), "not_proven")]
)
def test_nothing_is_put_back_that_no_drill_proved(seen, reason):
    site = Site(rebuildable=True, seen=seen)
    assert site.verdict(site.opened()) == ("restore_proven", reason)


def test_nothing_is_restored_to_a_node_whose_disk_fails():
    site = Site(rebuildable=True, failing={"web1"})
    assert site.verdict(site.opened()) == ("restore_proven", "disk_failing")
    site.failing = {"web2"}
    assert site.verdict(site.world.board.incidents["1"]) == ("", "act")


def test_a_node_that_is_not_scraped_does_not_say_how_its_disks_are():
    site = Site(rebuildable=True)
    incident = site.opened()
    facts = site.facts(incident)
    assert facts.picture is not None
    blind = replace(facts.picture, nodes={})
    decision = decide(incident, replace(facts, picture=blind), None)
    assert isinstance(decision, Hold)
    said = {one.guard: one.reason for one in decision.verdicts}
    assert said["restore_proven"] == "disk_unknown"


def test_the_gate_is_told_which_snapshot_the_decision_rested_on():
    site = Site(rebuildable=True)
    incident = site.opened()
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Act)
    assert f'"backups":{{"site":{{"snapshot":"{SNAPSHOT}"}}}}' in expect(
        decision.proposal, site.facts(incident)
    )
    assert decision.proposal.args == (("backup", "site"),)


def test_the_footprint_is_the_service_that_is_stopped():
    site = Site(rebuildable=True)
    incident = site.opened()
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Act)
    assert Target("web1", "nginx") in decision.proposal.footprint.targets
    assert "web" in decision.proposal.footprint.groups


def test_a_service_without_a_backup_goes_on_to_the_next_rung():
    world = World(topology=replace(backed_up(), backups={}))
    world.down.add(Target("web1", "nginx"))
    assert isinstance(plan(opened(world), world.topology), Escalate)


def test_only_the_backups_of_that_service_on_that_node_are_meant():
    here = backed_up()
    assert steps("files.restore", Target("web1", "nginx"), here, "")[0].look == "backup:site"
    assert steps("files.restore", Target("web3", "nginx"), here, "") == ()
    assert steps("files.restore", Target("web1", "app"), here, "") == ()
    assert steps("files.restore", Target("web1"), here, "") == ()


# --- package.restore --------------------------------------------------------------------------


REINSTALL = Rung("package.restore", None, False, 300.0, VERIFY, 2, 60.0)


def packaged(**changes: object) -> Site:
    """Return a service whose ladder installs its packages again."""
    site = Site(**changes)  # type: ignore[arg-type]
    ladder = Ladder("restart-service", Mode.ACT, (REINSTALL, CALL))
    site.world.topology = replace(site.world.topology, ladders={"restart-service": ladder})
    return site


def test_the_same_version_of_a_package_is_no_older_data_so_nobody_has_to_agree():
    site = packaged(seen=None)
    incident = site.opened()
    decision = decide(incident, site.facts(incident), None)
    assert isinstance(decision, Act)
    assert decision.proposal.args == (("unit", "nginx.service"),)
    assert Target("web1", "nginx") in decision.proposal.footprint.targets
    assert '"units":{"nginx.service"' in expect(decision.proposal, site.facts(incident))


def test_no_package_is_installed_again_on_a_node_whose_disk_fails_or_does_not_say():
    site = packaged(failing={"web1"})
    incident = site.opened()
    assert site.verdict(incident) == ("restore_proven", "disk_failing")
    facts = site.facts(incident)
    assert facts.picture is not None
    decision = decide(incident, replace(facts, picture=replace(facts.picture, nodes={})), None)
    assert isinstance(decision, Hold)
    said = {one.guard: one.reason for one in decision.verdicts}
    assert said["restore_proven"] == "disk_unknown"
