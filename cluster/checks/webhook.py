"""The healer's webhook and Alertmanager: who could post to them, who could not, and who could listen."""

from collections.abc import Iterator

from cluster.finding import Code, Finding
from cluster.listening import endpoint
from cluster.subject import Check, Subject


def senders(subject: Subject) -> Iterator[Finding]:
    """Find a webhook that takes alerts from anybody, or whose secret can be read on the way."""
    healer = subject.cluster.healer
    if healer.webhook is None:
        reason = (
            "the webhook takes alerts from whoever reaches the port: each is a hint and no grounds, "
            "but strangers can use up what may be journalled of them."
        )
        remedy = (
            "Add webhook: {bearer_file: FILE}, and tls, or let only Alertmanager reach the port."
        )
        yield subject.finding(Code.OPEN_WEBHOOK, ("healer", "webhook"), reason, remedy)
    elif healer.webhook.secret and healer.tls is None:
        reason = "Alertmanager shows its secret without TLS, so whoever listens has it too."
        remedy = "Add tls: {cert: FILE, key: FILE}."
        yield subject.finding(Code.PLAIN_WEBHOOK, ("healer", "webhook"), reason, remedy)


def posters(subject: Subject) -> Iterator[Finding]:
    """Find Alertmanagers that take alerts and silences from anybody beyond their own node."""
    monitoring = subject.cluster.monitoring
    ends = [endpoint(url) for url in monitoring.alertmanagers]
    if all(end.scheme == "https" or end.loopback for end in ends):
        return
    reason = (
        "Alertmanager takes alerts and silences from whoever reaches its port: no alert is grounds, "
        "but a silence holds the healer, and people hear nothing."
    )
    remedy = (
        "Add tls: {cert: FILE, key: FILE, client_ca: FILE, client_cert: FILE, client_key: FILE}."
    )
    yield subject.finding(Code.OPEN_ALERTMANAGER, ("monitoring", "tls"), reason, remedy)


def exporters(subject: Subject) -> Iterator[Finding]:
    """Find Alertmanagers that the short way from the nodes does not reach."""
    monitoring, way = subject.cluster.monitoring, subject.cluster.exporter.short_way
    if way is None:
        return
    at = ("exporter", "short_way")
    for url in monitoring.alertmanagers:
        if endpoint(url).loopback:
            reason = f"only the monitoring node itself reaches {url}, so the other nodes' posts are lost."
            remedy = "Write monitoring.alertmanagers with the addresses of the monitoring nodes."
            yield subject.finding(Code.SHORT_WAY_TO_LOOPBACK, at, reason, remedy)
    if monitoring.tls is not None and way.cert is None:
        reason = "Alertmanager takes alerts only of who shows a certificate, and the exporters have none."
        remedy = (
            "Add cert: FILE and key: FILE, of a certificate that monitoring.tls.client_ca signed."
        )
        yield subject.finding(Code.SHORT_WAY_UNKNOWN, at, reason, remedy)


WEBHOOK: tuple[Check, ...] = (senders, posters, exporters)
