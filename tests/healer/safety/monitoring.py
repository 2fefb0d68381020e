"""Prometheus and two Alertmanagers: what they scraped, judge and send, late, doubled, stale or forged as told."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from healer.core.alert import DOMAIN_LOSS, Alert, Target
from healer.core.picture import NodeHealth, Picture, SeenMark
from tests.healer.safety.described import NUMBERS
from tests.healer.safety.gates import Gate
from tests.healer.safety.known import EPOCH
from tests.healer.safety.site import Site
from tests.healer.safety.world import World

STALE_AFTER = 300.0


def alert_of(
    site: Site, name: str, place: Target, began: float, heal: str, *, bare: bool = False
) -> Alert:
    """Return an alert as the rules label it; a bare one names neither group nor failure domain."""
    crews = sorted(site.crews_of(place.node)) if place.node in site.racks else []
    job = site.jobs.get(place.service or "")
    labels = {
        "alertname": name,
        "cluster": site.cluster,
        "node": place.node,
        "group": "" if bare else job.group if job is not None else next(iter(crews), ""),
        "failure_domain": "" if bare else site.racks.get(place.node, ""),
        "service": place.service or "",
        "severity": "critical",
        "heal": heal,
    }
    pairs = tuple(sorted((key, value) for key, value in labels.items() if value))
    return Alert(f"{name}:{place}", name, pairs, began)


def loss_of(site: Site, rack: str, began: float) -> Alert:
    """Return the alert that a whole rack is lost."""
    labels = {
        "alertname": DOMAIN_LOSS,
        "cluster": site.cluster,
        "failure_domain": rack,
        "severity": "critical",
        "heal": "none",
    }
    return Alert(f"{DOMAIN_LOSS}:{rack}", DOMAIN_LOSS, tuple(sorted(labels.items())), began)


@dataclass
class Sample:
    """One scrape of one node."""

    at: float
    wells: dict[Target, bool]
    held: dict[str, bool]
    marks: frozenset[SeenMark]
    failing: bool
    leads: dict[str, bool]
    good: dict[str, bool]


@dataclass
class Prometheus:
    """One Prometheus.

    Attributes:
        stalled: It answers, and scrapes nothing any more.
        silent: It does not answer.
        cut: Nodes that it cannot scrape, though all others can.
        behind: Seconds by which the samples that it shows are older.
        bare: Its alerts name no group and no failure domain, so that another name for one changes no alert.
        judged_at: When it evaluated its rules last.
        longest: For how many seconds what has a ladder fired at most, by fingerprint.
    """

    site: Site
    world: World
    gates: dict[str, Gate]
    samples: dict[str, Sample | None] = field(default_factory=dict)
    active: dict[str, Alert] = field(default_factory=dict)
    stalled: bool = False
    silent: bool = False
    cut: set[str] = field(default_factory=set)
    bare: bool = False
    judged_at: float = EPOCH
    longest: dict[str, float] = field(default_factory=dict)

    @property
    def now(self) -> float:
        return EPOCH + self.world.now

    def scrape(self) -> None:
        """Scrape every node and judge, unless stalled."""
        if self.stalled:
            return
        for node in self.site.racks:
            unseen = self.world.dark(node) or node in self.cut
            self.samples[node] = None if unseen else self._sample(node)
        wanted = {}
        for node, sample in self.samples.items():
            if sample is None:
                if self.world.dark(node):
                    heal = "fence-node" if node in self.site.fencing else "none"
                    self._judge(wanted, "NodeDown", Target(node), heal)
                continue
            for place, well in sample.wells.items():
                if not well and place.service is not None and self._one_only(place.service):
                    if self._nowhere(place.service):
                        self._judge(wanted, "ServiceRunsNowhere", place, "take-over")
                elif not well and place.service is not None:
                    self._judge(wanted, "ServiceDown", place, self.site.heals(place))
                elif not well:
                    self._judge(wanted, "KernelHang", place, self.site.heals(place))
        for rack, nodes in self.site.lost_together().items():
            made = loss_of(self.site, rack, self.now)
            before = self.active.get(made.fingerprint)
            lost = [one for one in nodes if f"NodeDown:{one}" in wanted]
            if lost == nodes or (lost and before is not None):
                wanted[made.fingerprint] = before or made
        self.active, self.judged_at = wanted, self.now
        for key, one in wanted.items():
            if one.label("heal") != "none":
                self.longest[key] = max(self.longest.get(key, 0.0), self.now - one.began_at)

    def _one_only(self, job: str) -> bool:
        return bool(self.site.fencing) and self.site.jobs[job].exclusive

    def _nowhere(self, job: str) -> bool:
        """Whether no node that is scraped runs it."""
        seen = [one for one in self.samples.values() if one is not None]
        return not any(
            well for one in seen for place, well in one.wells.items() if place.service == job
        )

    def _judge(self, wanted: dict[str, Alert], name: str, place: Target, heal: str) -> None:
        made = alert_of(self.site, name, place, self.now, heal, bare=self.bare)
        wanted[made.fingerprint] = self.active.get(made.fingerprint, made)

    def _sample(self, node: str) -> Sample:
        wells = {one: self.world.well(one) for one in self.world.since if one.node == node}
        marks = {
            SeenMark(verb, subject, node, owner.partition(":")[0], 0.0)
            for (verb, subject), owners in self.gates[node].marks.items()
            for owner in owners
        }
        held = {
            ip: self.world.holder(name) == node
            for name, (ip, crew) in self.site.addresses.items()
            if node in self.site.crews[crew].nodes
        }
        failing = node in self.world.vaults.failing
        members = {name: one for name, one in self.world.databases.items() if node in one.nodes}
        leads = {name: one.leader == node for name, one in members.items()}
        good = {name: one.good(node) for name, one in members.items()}
        return Sample(self.now, wells, held, frozenset(marks), failing, leads, good)

    def sample(self, node: str) -> Sample | None:
        """The newest one of a node, as a query finds it."""
        found = self.samples.get(node)
        return found if found is not None and self.now - found.at < STALE_AFTER else None

    def _primaries(self, fresh: dict[str, Sample]) -> dict[str, dict[str, bool]]:
        return {
            name: {node: one.leads[name] for node, one in fresh.items() if name in one.leads}
            for name in self.world.databases
        }

    def picture(self) -> Picture:
        services, nodes, marks = {}, {}, set()
        fresh = {
            node: one
            for node in self.site.racks
            if (one := self.sample(node)) is not None and self.now - one.at <= NUMBERS.evidence_age
        }
        for node in self.site.racks:
            seen = fresh.get(node)
            known = not self.stalled or self.sample(node) is None
            nodes[node] = NodeHealth(
                True if seen is not None else False if known else None,
                (not self.world.dark(node)) if not self.stalled else None,
            )
            if seen is not None:
                services |= {place: well for place, well in seen.wells.items() if place.service}
                marks |= seen.marks
        held = {
            ip: {
                node: fresh[node].held[ip] for node in self.site.crews[crew].nodes if node in fresh
            }
            for ip, crew in self.site.addresses.values()
        }
        able = {ip: dict.fromkeys(said, True) for ip, said in held.items()}
        failing = frozenset(node for node, one in fresh.items() if one.failing)
        return Picture(
            self.now,
            nodes,
            services,
            frozenset(marks),
            held,
            able,
            primaries=self._primaries(fresh),
            failing=failing,
        )


@dataclass
class Alertmanager:
    """One peer.

    Attributes:
        linked: Whether Prometheus reaches it.
        away: Whether healers reach it not.
        lag: It takes in only every so many-th push: what it has is old.
        stuck: Alerts that it goes on showing, whatever is true, until a time.
        shift: Seconds by which its startsAt differ.
    """

    alerts: dict[str, Alert] = field(default_factory=dict)
    linked: bool = True
    away: bool = False
    lag: int = 1
    pushes: int = 0
    stuck: dict[str, tuple[Alert, float]] = field(default_factory=dict)
    shift: float = 0.0
    watchdog_at: float | None = None

    def push(self, active: dict[str, Alert], now: float) -> None:
        self.pushes += 1
        if self.linked and self.pushes % self.lag == 0:
            moved = (replace(one, began_at=one.began_at + self.shift) for one in active.values())
            self.alerts = {one.fingerprint: one for one in moved}
            self.watchdog_at = now

    def shows(self, now: float) -> dict[str, Alert]:
        stale = {key: one for key, (one, until) in self.stuck.items() if until > now}
        return {**stale, **self.alerts}


def merged(
    peers: list[Alertmanager],
    now: float,
    silenced: Collection[str],
    order: Callable[[list[Alert]], None],
) -> list[Alert]:
    """What all reachable peers show, as the adapter merges it."""
    found: dict[str, Alert] = {}
    for peer in peers:
        for key, one in peer.shows(now).items():
            known = found.get(key)
            began = one.began_at if known is None else min(known.began_at, one.began_at)
            found[key] = replace(one, began_at=began, silenced=key in silenced)
    alerts = list(found.values())
    order(alerts)
    return alerts
