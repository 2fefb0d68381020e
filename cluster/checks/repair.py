"""Services, ladders and guards: repairs that could not work, or would come too early."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.ladder import EXPORTER, Mode, Verb
from cluster.model import NativeRestart, Service
from cluster.probe import PLACEHOLDER
from cluster.quantity import duration_text
from cluster.subject import Check, Subject

# Longer than this, and users have told people before the probe has told the healer.
NOTICED_SECONDS = 120.0


def probes(subject: Subject) -> Iterator[Finding]:
    """Find services that nobody asks, and probes that ask the wrong node."""
    for service in subject.cluster.services.values():
        path: Path = ("services", service.name)
        if service.probe is None:
            reason = (
                f"{service.name} has no probe, so one that runs and does not answer is not seen."
            )
            remedy = "Add a probe."
            yield subject.finding(Code.NO_PROBE, path, reason, remedy)
        elif (fixed := _fixed_address(subject, service)) is not None:
            reason = f"every node of {service.group} would probe {fixed}, so one dead node looks like all."
            remedy = f"Write {PLACEHOLDER} in its place."
            yield subject.finding(Code.PROBE_ELSEWHERE, (*path, "probe"), reason, remedy)


def slow_probes(subject: Subject) -> Iterator[Finding]:
    """Find probes that take so long to see a failure that everybody knows of it."""
    for service in subject.cluster.services.values():
        probe = service.probe
        if probe is not None and (needed := probe.interval * probe.fall) > NOTICED_SECONDS:
            reason = (
                f"{probe.fall} failed attempts in a row take {duration_text(needed)}, "
                f"so {service.name} is down that long before anything happens."
            )
            remedy = "Shorten interval or lower fall."
            path: Path = ("services", service.name, "probe")
            yield subject.finding(Code.SLOW_PROBE, path, reason, remedy)


def _fixed_address(subject: Subject, service: Service) -> str | None:
    """Return the node's address that a probe of several nodes names literally."""
    probe = service.probe
    if probe is None or len(subject.cluster.groups[service.group].nodes) < 2:
        return None
    named = urlsplit(probe.http or f"//{probe.tcp or probe.tls}").hostname
    own = {node.address.lower() for node in subject.cluster.nodes.values()}
    return named if named in own else None


def native_restart(subject: Subject) -> Iterator[Finding]:
    """Find units of which systemd never gives up, and a healer that would act before it has."""
    settled = subject.cluster.healer.guards.owner_settled.service
    for service in subject.cluster.services.values():
        native = service.native_restart
        if native is None:
            continue
        path: Path = ("services", service.name, "native_restart")
        if _never_gives_up(native):
            reason = (
                f"{native.limit} starts with {duration_text(native.wait or 0)} between them take as long as "
                f"{duration_text(native.within or 0)}, so systemd never gives up and the healer never begins."
            )
            remedy = "Shorten wait, lower limit or lengthen within."
            yield subject.finding(Code.NEVER_GIVES_UP, path, reason, remedy)
        elif native.wait is not None and settled < native.wait:
            reason = (
                f"systemd waits {duration_text(native.wait)} between starts of {service.name}, longer than "
                f"owner_settled.service ({duration_text(settled)}), so the healer may come in between."
            )
            remedy = "Lengthen healer.guards.owner_settled.service."
            yield subject.finding(Code.OWNER_HURRIED, path, reason, remedy)


def _never_gives_up(native: NativeRestart) -> bool:
    """Say whether the limit is out of reach; not known where the unit's own settings count."""
    if native.limit is None or native.wait is None or native.within is None:
        return False
    return native.limit * native.wait >= native.within


def verification(subject: Subject) -> Iterator[Finding]:
    """Find rungs that end before a proof could arrive."""
    cluster = subject.cluster
    fresh = 2 * cluster.monitoring.scrape_interval + cluster.monitoring.evaluation_interval
    for ladder in cluster.ladders.values():
        for number, rung in enumerate(ladder.rungs):
            path: Path = ("ladders", ladder.name, "rungs", number)
            if rung.verify is not None and rung.verify.within < fresh:
                reason = (
                    f"a fresh sample can take {duration_text(fresh)}, longer than verify.within "
                    f"({duration_text(rung.verify.within)}), so good repairs count as failed."
                )
                remedy = "Lengthen verify.within."
                yield subject.finding(Code.SHORT_VERIFY, (*path, "verify"), reason, remedy)
            spacing = cluster.healer.gate_spacing[Verb(rung.action)] if rung.action.verb else 0.0
            if rung.attempts > 1 and rung.wait < spacing:
                reason = (
                    f"the gate keeps {duration_text(spacing)} between two {rung.action}, more than wait "
                    f"({duration_text(rung.wait)}), so it may refuse the second attempt."
                )
                remedy = "Lengthen wait or shorten healer.gate_spacing."
                yield subject.finding(Code.SPACING_ABOVE_WAIT, path, reason, remedy)


def acting(subject: Subject) -> Iterator[Finding]:
    """Say so when nothing will ever be repaired: it is the default, and easily forgotten."""
    cluster = subject.cluster
    groups = [[name] for name, group in cluster.groups.items() if not group.control]
    modes = {cluster.effective_mode(ladder, g) for ladder in cluster.ladders for g in groups}
    if modes <= {Mode.EXPLAIN}:
        reason = "every ladder only explains in every group, so nothing is ever repaired."
        remedy = "Set mode to approve or act once you have read what it would have done."
        yield subject.finding(Code.NEVER_ACTS, ("healer", "mode"), reason, remedy)


def evidence(subject: Subject) -> Iterator[Finding]:
    """Find guards whose numbers no pipeline of these intervals can satisfy."""
    cluster = subject.cluster
    monitoring, guards = cluster.monitoring, cluster.healer.guards
    pipeline = monitoring.scrape_interval + monitoring.evaluation_interval
    if guards.still_true.max_age < pipeline:
        reason = (
            f"evidence may be {duration_text(guards.still_true.max_age)} old, but a scrape and an "
            f"evaluation take {duration_text(pipeline)}, so the healer would always hold."
        )
        remedy = "Lengthen healer.guards.still_true.max_age."
        path: Path = ("healer", "guards", "still_true", "max_age")
        yield subject.finding(Code.STALE_EVIDENCE, path, reason, remedy)
    heartbeat = pipeline + monitoring.resend_delay
    if guards.sees_enough.watchdog < heartbeat:
        reason = (
            f"the Watchdog may be {duration_text(guards.sees_enough.watchdog)} old, but Prometheus "
            f"repeats it every {duration_text(heartbeat)} or so, so the healer would freeze for nothing."
        )
        remedy = "Lengthen healer.guards.sees_enough.watchdog, or shorten monitoring.resend_delay."
        path = ("healer", "guards", "sees_enough", "watchdog")
        yield subject.finding(Code.DEAF_WATCHDOG, path, reason, remedy)


def patience(subject: Subject) -> Iterator[Finding]:
    """Find ladders that cannot have healed before people are told all the same."""
    cluster = subject.cluster
    for ladder in cluster.ladders.values():
        rung = ladder.rungs[0]
        if rung.verify is None or rung.service == EXPORTER:
            continue
        needed = rung.verify.soak + cluster.monitoring.scrape_interval
        if cluster.monitoring.patience < needed:
            reason = (
                f"people are told after {duration_text(cluster.monitoring.patience)}, before {ladder.name} "
                f"can have proven its first rung ({duration_text(needed)} at the least)."
            )
            remedy = "Lengthen monitoring.patience."
            yield subject.finding(Code.IMPATIENT, ("monitoring", "patience"), reason, remedy)


REPAIR: tuple[Check, ...] = (
    probes,
    slow_probes,
    native_restart,
    verification,
    acting,
    evidence,
    patience,
)
