"""Nodes, groups and failure domains: what cannot be spared, and what fails together."""

import ipaddress
from collections.abc import Iterator

from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.guards import NoStorm
from cluster.model import UNKNOWN_DOMAIN, Group
from cluster.peers import peers
from cluster.quantity import duration_text
from cluster.subject import Check, Subject
from cluster.witnesses import Losses

NODE_DOWN = "NodeDown"  # rules/nodes.yml
LOOKS = 3


def _serving(subject: Subject) -> Iterator[Group]:
    yield from (group for group in subject.cluster.groups.values() if not group.control)


def room(subject: Subject) -> Iterator[Finding]:
    """Find groups in which nothing stands in for a node that is taken away."""
    for group in _serving(subject):
        if len(group.nodes) == 1:
            reason = f"{group.nodes[0]} is alone in {group.name}, so nothing serves while it is repaired."
            remedy = "Add a second node."
            yield subject.finding(Code.NO_ROOM, ("groups", group.name, "nodes"), reason, remedy)
        elif group.min_available == 0:
            reason = f"all {len(group.nodes)} nodes of {group.name} may be taken away, one after the other."
            remedy = "Set min_available to what users need at the least."
            path = ("groups", group.name, "min_available")
            yield subject.finding(Code.NO_FLOOR, path, reason, remedy)


def failure_domains(subject: Subject) -> Iterator[Finding]:
    """Find groups that one power cut takes as a whole, and nodes that say nothing of theirs."""
    nodes = subject.cluster.nodes
    for node in nodes.values():
        if node.failure_domain == UNKNOWN_DOMAIN:
            reason = f"{node.name} names no failure domain, so it counts as failing with all others that do not."
            remedy = "Set failure_domain to its rack, host or power feed."
            yield subject.finding(Code.NO_DOMAIN, ("nodes", node.name), reason, remedy)
    for group in _serving(subject):
        domains = {nodes[name].failure_domain for name in group.nodes}
        if len(group.nodes) > 1 and len(domains) == 1:
            reason = f"all nodes of {group.name} are in the failure domain {domains.pop()}, so they fail together."
            remedy = "Move one of them elsewhere."
            yield subject.finding(Code.ONE_DOMAIN, ("groups", group.name, "nodes"), reason, remedy)


def votes(subject: Subject) -> Iterator[Finding]:
    """Find voters of which none can be spared: a majority must remain."""
    for group in _serving(subject):
        voters = len(group.nodes)
        if group.votes and voters - 1 < (majority := voters // 2 + 1):
            reason = (
                f"{majority} of {voters} voters of {group.name} are a majority, "
                "so none of them may ever be taken away."
            )
            remedy = "Let three or more vote, and an odd number."
            yield subject.finding(
                Code.NO_VOTE_TO_SPARE, ("groups", group.name, "votes"), reason, remedy
            )


def storms(subject: Subject) -> Iterator[Finding]:
    """Find clusters in which no failure of the network could be told from that of nodes."""
    cluster = subject.cluster
    storm = cluster.healer.guards.no_storm
    domains = {node.failure_domain for node in cluster.nodes.values()}
    if len(cluster.nodes) < NoStorm().targets:
        return
    where: Path = ("healer", "guards", "no_storm")
    unseen = "so a failed network is never taken for one."
    if len(domains) < storm.domains:
        reason = f"nodes are in {len(domains)} failure domain(s), and no_storm looks for {storm.domains}, {unseen}"
        remedy = "Name the nodes' failure domains."
        yield subject.finding(Code.STORM_UNSEEN, (*where, "domains"), reason, remedy)
    if len(cluster.nodes) < storm.targets:
        reason = f"there are {len(cluster.nodes)} nodes, and no_storm looks for {storm.targets}, {unseen}"
        remedy = f"Write at most {len(cluster.nodes)}."
        yield subject.finding(Code.STORM_UNSEEN, (*where, "targets"), reason, remedy)


def membership(subject: Subject) -> Iterator[Finding]:
    """Find nodes in no group, and nodes that a control group takes from the ladders."""
    cluster = subject.cluster
    for node in cluster.nodes:
        groups = cluster.groups_of(node)
        if not groups:
            reason = f"{node} is in no group, so its alerts carry none and no guard counts it."
            remedy = "Put it into a group."
            yield subject.finding(Code.NO_GROUP, ("nodes", node), reason, remedy)
        serving = [name for name in groups if not cluster.groups[name].control]
        if cluster.control(node) and serving:
            reason = (
                f"{node} is in a control group, which no ladder touches, "
                f"so its part in {', '.join(serving)} is never repaired either."
            )
            remedy = "Keep monitoring and the healer on nodes of their own."
            yield subject.finding(Code.CONTROL_SERVES, ("nodes", node), reason, remedy)


def control_plane(subject: Subject) -> Iterator[Finding]:
    """Find parts of the control plane that a ladder could take away."""
    cluster = subject.cluster
    for number, node in enumerate(cluster.healer.nodes):
        if not cluster.control(node):
            reason = (
                f"{node} is in no group with role control, so a ladder could take the healer away."
            )
            remedy = f"Add a group with role control that has {node}."
            where: Path = ("healer", "node") if cluster.healer.node else ("healer", "nodes", number)
            yield subject.finding(Code.HEALER_NOT_CONTROL, where, reason, remedy)
    for number, node in enumerate(cluster.monitoring.nodes):
        if not cluster.control(node):
            reason = (
                f"{node} is in no group with role control, so a ladder could take Prometheus away."
            )
            remedy = f"Add {node} to the control group."
            path = ("monitoring", "nodes", number)
            yield subject.finding(Code.MONITOR_NOT_CONTROL, path, reason, remedy)


def standbys(subject: Subject) -> Iterator[Finding]:
    """Find healers that fail together, so that none is left to stand by."""
    names = subject.cluster.healer.nodes
    domains = {subject.cluster.nodes[name].failure_domain for name in names}
    if len(names) > 1 and len(domains) == 1:
        reason = f"all healers are in the failure domain {domains.pop()}, so they fail together."
        remedy = "Move one of them elsewhere."
        yield subject.finding(Code.HEALERS_ONE_DOMAIN, ("healer", "nodes"), reason, remedy)


def addresses(subject: Subject) -> Iterator[Finding]:
    """Find host names: without name service, monitoring would be blind when it is needed most."""
    for node in subject.cluster.nodes.values():
        try:
            ipaddress.ip_address(node.address)
        except ValueError:
            reason = (
                f"{node.address} is a host name, so {node.name} is lost whenever name service is."
            )
            remedy = "Write its IP address."
            path = ("nodes", node.name, "address")
            yield subject.finding(Code.HOST_NAME, path, reason, remedy)


def witnesses(subject: Subject) -> Iterator[Finding]:
    """Find clusters in which nobody could confirm that a node is dead."""
    cluster = subject.cluster
    watchers = min(cluster.exporter.peers, len(cluster.nodes) - 1)
    if watchers < 2:
        reason = f"each node is watched by {watchers} others, so one of them down leaves no second witness."
        remedy = "Set exporter.peers to 2 or more, and have at least three nodes."
        yield subject.finding(Code.FEW_WITNESSES, ("exporter", "peers"), reason, remedy)


def unseen_losses(subject: Subject) -> Iterator[Finding]:
    """Find failure domains of which nobody could say that all of them is lost, since one node has no witness of it."""
    cluster = subject.cluster
    found: dict[str, str] = {}
    for domain, node in Losses(cluster).unseen(peers(cluster)):
        found.setdefault(domain, node)
    for domain, node in found.items():
        reason = (
            f"nobody outside of {domain} watches both {node} and another node outside of it, so a "
            f"loss of all of {domain} is told as single nodes."
        )
        remedy = "Raise exporter.peers, or have more nodes outside of it."
        yield subject.finding(Code.UNSEEN_LOSS, ("exporter", "peers"), reason, remedy)


def slow_witnesses(subject: Subject) -> Iterator[Finding]:
    """Find peers that look so seldom that NodeDown cannot count on what they saw last."""
    alert = next((alert for alert in subject.alerts if alert.name == NODE_DOWN), None)
    if alert is None:
        return  # without packaged rules nothing can be said
    wait = subject.cluster.monitoring.for_.get(NODE_DOWN, alert.wait)
    needed = LOOKS * subject.cluster.exporter.peer_interval
    if needed > wait:
        reason = (
            f"{LOOKS} looks at a peer take {duration_text(needed)}, longer than {NODE_DOWN} waits "
            f"({duration_text(wait)}), so the second witness may speak of a time before."
        )
        remedy = f"Shorten peer_interval, or lengthen monitoring.for.{NODE_DOWN}."
        yield subject.finding(Code.SLOW_WITNESS, ("exporter", "peer_interval"), reason, remedy)


TOPOLOGY: tuple[Check, ...] = (
    room,
    failure_domains,
    votes,
    storms,
    membership,
    control_plane,
    standbys,
    addresses,
    witnesses,
    unseen_losses,
    slow_witnesses,
)
