"""/etc/prometheus/alertmanager.yml: who hears of which alert, and when.

https://prometheus.io/docs/alerting/0.25/configuration/
"""

from collections.abc import Mapping
from typing import Any

from cluster import listening
from cluster.coherence import SHORT
from cluster.defaults import HEALER_PORT
from cluster.ladder import Mode
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.quantity import duration_text
from cluster.settings import Receiver
from cluster.writing import HEADER, yaml_text

GROUP_BY = ["alertname", "cluster", "node", "group", "service", "mountpoint"]
HARDWARE_FOLLOWS = 60.0
"""Seconds after NodeFailing: the `for` of HardwareFailing in rules/failures.yml, unless cluster.yml has another."""


def alertmanager_yml(cluster: Cluster) -> str:
    """Write the routes and receivers. Nothing is inhibited: no alert hides another's page."""
    monitoring = cluster.monitoring
    return yaml_text(
        {
            "route": {
                "receiver": "people",
                "group_by": GROUP_BY,
                "group_wait": duration_text(monitoring.group_wait),
                "group_interval": duration_text(monitoring.group_interval),
                "repeat_interval": duration_text(monitoring.repeat_interval),
                "routes": [
                    _watchdog(cluster),
                    # Wakes the healer; it reads the truth from the API. Its own alerts are about it.
                    {
                        "receiver": "healer",
                        "matchers": ['alertname!~"Healer.*"'],
                        "continue": True,
                        **_at_once(cluster),
                    },
                    {"receiver": "nobody", "matchers": ['severity="info"']},
                    *_tickets(cluster),
                    _own("people"),
                    _losses(cluster),
                    *_patience(cluster, "people"),
                    # The healer's route continues to the next ones, but no further up than these.
                    {"receiver": "people"},
                ],
            },
            "receivers": _receivers(cluster),
        }
    )


def _at_once(cluster: Cluster) -> Mapping[str, Any]:
    """Wake the healer without a wait for what came by the short way."""
    if cluster.exporter.short_way is None:
        return {}
    short = {"receiver": "healer", "matchers": [f'alertname=~"{"|".join(SHORT)}"']}
    return {"routes": [{**short, "group_wait": "0s"}]}


def _watchdog(cluster: Cluster) -> Mapping[str, Any]:
    deadman = cluster.monitoring.deadman
    if deadman is None:
        return {"receiver": "nobody", "matchers": ['alertname="Watchdog"']}
    return {
        "receiver": "deadman",
        "matchers": ['alertname="Watchdog"'],
        "group_wait": "0s",
        "group_interval": duration_text(deadman.interval),
        # A group is looked at every group_interval, and is sent again only if repeat_interval has
        # passed since the last sending ended. Were the two equal, every second call would be left out.
        "repeat_interval": duration_text(max(0.001, deadman.interval / 2)),
    }


def _losses(cluster: Cluster) -> Mapping[str, Any]:
    """Put what is lost together on one page, which names the domain and each node of it.

    Nodes are scraped one after the other, and whatever came after the page would be another one. So the page waits
    until each was scraped and judged once more. For 15 minutes after an earlier loss, in which Prometheus repeats that
    it is over (resolvedRetention in its rules/alerting.go), Alertmanager has the group at hand: then nothing waits, and
    news comes when the group's interval ends. It is twice the wait, so that it seldom ends amid a loss.
    """
    monitoring = cluster.monitoring
    wait = monitoring.group_wait + monitoring.scrape_interval + monitoring.evaluation_interval
    return {
        "receiver": "people",
        "matchers": ['alertname=~"DomainLost|NodeDown"'],
        "group_by": ["cluster"],
        "group_wait": duration_text(wait),
        "group_interval": duration_text(max(monitoring.group_interval, 2 * wait)),
    }


def _failing(cluster: Cluster, receiver: str) -> Mapping[str, Any]:
    """Put what a node's log tells of its hardware on one ticket: HardwareFailing follows NodeFailing.

    The healer has heard of both at once, by its own route; a person may wait until the second is judged.
    """
    monitoring = cluster.monitoring
    waits = monitoring.for_.get("HardwareFailing", HARDWARE_FOLLOWS)
    follows = waits + monitoring.scrape_interval + monitoring.evaluation_interval
    return {
        "receiver": receiver,
        "matchers": ['alertname=~"NodeFailing|HardwareFailing"'],
        "group_by": ["cluster", "node"],
        "group_wait": duration_text(max(follows, monitoring.patience)),
    }


def _own(receiver: str) -> Mapping[str, Any]:
    """Tell of the healer's own alerts at once: it has done its waiting when it holds or gives up."""
    return {"receiver": receiver, "matchers": ['alertname=~"Healer.*"'], "group_wait": "0s"}


def _tickets(cluster: Cluster) -> list[Mapping[str, Any]]:
    """Let warnings wait for working hours, where there is somebody who takes them then."""
    if cluster.monitoring.receivers.tickets is None:
        return [_failing(cluster, "people")]
    return [
        {
            "receiver": "tickets",
            "matchers": ['severity="warning"'],
            "routes": [
                _own("tickets"),
                _failing(cluster, "tickets"),
                *_patience(cluster, "tickets"),
            ],
        }
    ]


def _patience(cluster: Cluster, receiver: str) -> list[Mapping[str, Any]]:
    """Let people wait where a ladder may act: healed in that time, nobody is woken."""
    monitoring, healer = cluster.monitoring, cluster.healer.mode
    acting = [
        name
        for name, ladder in cluster.ladders.items()
        if (ladder.mode or healer) is not Mode.EXPLAIN
        # One that only calls a person has nobody to wait for.
        and any(rung.action.verb for rung in ladder.rungs)
    ]
    idle = [
        name
        for name, group in cluster.groups.items()
        if group.control or (group.mode or healer) is Mode.EXPLAIN
    ]
    if not acting or monitoring.patience <= monitoring.group_wait:
        return []
    return [
        {
            "receiver": receiver,
            "matchers": [
                f'heal=~"{_any_of(acting)}"',
                *([f'group!~"{_any_of(idle)}"'] if idle else []),
            ],
            "group_wait": duration_text(monitoring.patience),
        }
    ]


def _any_of(names: list[str]) -> str:
    """Write names as an alternation; the dot is the only one of their signs with a meaning."""
    return "|".join(name.replace(".", "[.]") for name in names)


def _receivers(cluster: Cluster) -> list[Mapping[str, Any]]:
    monitoring = cluster.monitoring
    receivers = [
        _receiver("people", monitoring.receivers.people),
        _healers(cluster),
        {"name": "nobody"},
    ]
    if monitoring.receivers.tickets is not None:
        receivers.append(_webhook("tickets", monitoring.receivers.tickets.url))
    if monitoring.deadman is not None:
        receivers.append(_webhook("deadman", monitoring.deadman.url, resolved=False))
    return receivers


def _healers(cluster: Cluster) -> Mapping[str, Any]:
    """Write the webhooks of all healers: whoever leads is woken, and a standby says thanks and leaves it."""
    scheme = "http" if cluster.healer.tls is None else "https"
    healers = [cluster.nodes[name].address for name in cluster.healer.nodes]
    urls = [f"{scheme}://{host_port(one, HEALER_PORT)}/webhook" for one in healers]
    return _webhook("healer", *urls, client=_client(cluster))


def _client(cluster: Cluster) -> Mapping[str, Any]:
    """Write by what Alertmanager knows the healer, and how it shows what it is itself.

    https://prometheus.io/docs/alerting/0.25/configuration/#http_config
    """
    webhook, tls = cluster.healer.webhook, cluster.healer.tls
    client: dict[str, Any] = {}
    trust: dict[str, Any] = {}
    if webhook is not None and webhook.bearer_file is not None:
        client["authorization"] = {"type": "Bearer", "credentials_file": webhook.bearer_file}
    if webhook is not None and webhook.basic is not None:
        basic = webhook.basic
        client["basic_auth"] = {"username": basic.username, "password_file": basic.password_file}
    if tls is not None and tls.ca is not None:
        trust["ca_file"] = tls.ca
    if webhook is not None and webhook.client_ca is not None:
        trust |= {"cert_file": webhook.cert, "key_file": webhook.key}
    return client | ({"tls_config": trust} if trust else {})


def _receiver(name: str, receiver: Receiver | None) -> Mapping[str, Any]:
    return {"name": name} if receiver is None else _webhook(name, receiver.url)


def _webhook(
    name: str, *urls: str, resolved: bool = True, client: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    how = {"send_resolved": resolved, **({"http_config": client} if client else {})}
    return {"name": name, "webhook_configs": [{"url": url, **how} for url in urls]}


WEB = "etc/prometheus/alertmanager-web.yml"


def alertmanager_web(cluster: Cluster) -> str | None:
    """Write who may come to Alertmanager; None where everybody who reaches it may.

    https://prometheus.io/docs/alerting/0.25/https/
    """
    tls = cluster.monitoring.tls
    if tls is None:
        return None
    shown = {"cert_file": tls.cert, "key_file": tls.key}
    asked = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": tls.client_ca}
    return yaml_text({"tls_server_config": shown | asked})


def alertmanager_default(cluster: Cluster, node: str) -> str:
    """Write Debian's /etc/default/prometheus-alertmanager; several form a cluster of their own."""
    listen = listening.alertmanager(cluster, node)
    others = [name for name in cluster.monitoring.nodes if name != node]
    arguments = [f"--web.listen-address={listen}"]
    if cluster.monitoring.tls is not None:
        arguments.append(f"--web.config.file=/{WEB}")
    if others:
        arguments.append(f"--cluster.listen-address={_gossip(cluster, node)}")
        arguments += [f"--cluster.peer={_gossip(cluster, other)}" for other in others]
    else:
        arguments.append("--cluster.listen-address=")
    return f'{HEADER}ARGS="{" ".join(arguments)}"\n'


def _gossip(cluster: Cluster, node: str) -> str:
    return host_port(cluster.nodes[node].address, listening.CLUSTER_PORT)
