"""Ways to a person: one for alerts, one beside it, and one that works when all here is dead."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from cluster.finding import Code, Finding
from cluster.people import Reach, reach
from cluster.subject import Check, Subject


def receivers(subject: Subject) -> Iterator[Finding]:
    """Find clusters whose alerts reach nobody."""
    if subject.cluster.monitoring.receivers.people is None:
        reason = "no receiver named people, so no alert reaches anyone."
        remedy = "Add people: {url: ...} under monitoring.receivers."
        yield subject.finding(Code.NO_PEOPLE, ("monitoring", "receivers"), reason, remedy)


def tickets(subject: Subject) -> Iterator[Finding]:
    """Find people who are woken for what could wait."""
    receivers = subject.cluster.monitoring.receivers
    if receivers.people is not None and receivers.tickets is None:
        reason = "no receiver named tickets, so warnings reach people as pages do, by night too."
        remedy = "Add tickets: {url: ...} under monitoring.receivers."
        yield subject.finding(Code.NO_TICKETS, ("monitoring", "receivers"), reason, remedy)


def deadman(subject: Subject) -> Iterator[Finding]:
    """Find clusters whose whole death nobody would notice."""
    if subject.cluster.monitoring.deadman is None:
        reason = "no dead man's switch, so nobody is told when monitoring itself is dead."
        remedy = (
            "Add deadman: {url: ...}, a service outside the cluster that calls when Watchdog stops."
        )
        yield subject.finding(Code.NO_DEADMAN, ("monitoring", "deadman"), reason, remedy)


def second_path(subject: Subject) -> Iterator[Finding]:
    """Find healers without a second path, or with one that is the first again."""
    cluster = subject.cluster
    escalate, people = cluster.healer.escalate, cluster.monitoring.receivers.people
    if escalate is None:
        reason = "no second path to a person for when Alertmanager cannot be reached."
        remedy = "Add escalate: {url: ...} or {command: [...]}."
        yield subject.finding(Code.NO_SECOND_PATH, ("healer", "escalate"), reason, remedy)
    elif escalate.url is not None and people is not None and escalate.url == people.url:
        reason = f"the second path is the first again ({urlsplit(people.url).netloc}), and fails with it."
        remedy = "Use another service, or a command."
        yield subject.finding(Code.SAME_PATH, ("healer", "escalate", "url"), reason, remedy)


def proxies(subject: Subject) -> Iterator[Finding]:
    """Find networks that are trusted as a proxy and hold more than one."""
    proxy = subject.cluster.healer.proxy
    for number, network in enumerate(proxy.trusted if proxy is not None else ()):
        can = reach(network)
        if can is Reach.PROXY:
            continue
        place = ("healer", "proxy", "trusted", number)
        remedy = "Write the proxy's own address, one entry for each proxy."
        if can is Reach.PUBLIC:
            reason = f"{network} is a public network: strangers in it are whoever they say."
            yield subject.finding(Code.PUBLIC_PROXY, place, reason, remedy)
        else:
            count = ipaddress.ip_network(network).num_addresses
            reason = (
                f"whoever has one of the {count} addresses of {network} is whoever they say"
                f"{_among(subject, network)}."
            )
            yield subject.finding(Code.WIDE_PROXY, place, reason, remedy)


def _among(subject: Subject, network: str) -> str:
    """Return which nodes have an address in a network, as the end of a sentence."""
    inside = [name for name, node in subject.cluster.nodes.items() if _in(node.address, network)]
    return f", {', '.join(inside)} too" if inside else ""


def _in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False  # a host name


PEOPLE: tuple[Check, ...] = (receivers, tickets, deadman, second_path, proxies)
