"""The dashboard `cluster`: how much may still be lost, what is broken, what is being healed, what is taken away.

It is where `dashboard_url` of every alert leads. `make dashboards` writes cluster.json from it.
"""

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import BAD, GOOD, LOW, SOURCE, figures, lines, query, rows, states

FILE = Path(__file__).with_suffix(".json")
UID = "cluster"
"""The last part of the address: rules link to HALE_DASHBOARDS/cluster."""

HERE = 'cluster="$cluster"'
DASHED = {"fill": "dash", "dash": [6, 6]}
DISKS = 'fstype!~"tmpfs|ramfs|squashfs|overlay"'


def cluster() -> dashboard.Dashboard:
    """Return the dashboard."""
    made = (
        dashboard.Dashboard("Hale / Cluster")
        .uid(UID)
        .description(
            "Redundancy left, what is broken, what is being healed, and what is taken away."
        )
        .tags(["hale"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .editable()
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(
            dashboard.QueryVariable("cluster")
            .label("Cluster")
            .datasource(SOURCE)
            .query("label_values(hale:group_nodes, cluster)")
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
        )
        .with_variable(
            dashboard.TextBoxVariable("healer")
            .label("Healer's page")
            .description(
                "healer.external_url of cluster.yml; links to incidents and runbooks start with it"
            )
            .default_value("http://localhost:9595")
        )
        .link(_link("Incidents, live", "${healer}/"))
        .link(_link("Runbooks", "${healer}/runbooks"))
    )
    for row in (_redundancy, _broken, _healing, _taken_away, _nodes):
        made = row(made)
    return made


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .icon("external link")
        .url(url)
        .target_blank(True)
    )


def _redundancy(made: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        made.with_row(dashboard.Row("How much may still be lost"))
        .with_panel(
            figures(
                "Members that may still be lost",
                "Members of each group that are seen to serve, less those it must keep. 0: the next failure is an"
                " outage. Groups that must keep all their nodes are left out.",
                query(
                    f"hale:redundancy{{{HERE}}} and on (cluster, group)"
                    " hale:group_nodes > on (cluster, group) hale:group_min_available",
                    "{{group}}",
                ),
                [(None, BAD), (0, LOW), (1, GOOD)],
                width=8,
                nothing="no group can lose any",
            )
        )
        .with_panel(
            figures(
                "Holders of each virtual address",
                "Nodes that have the address on an interface, as they say themselves. One is right; two answer for"
                " each other's connections.",
                query(f"sum by (address) (hale_virtual_address_held{{{HERE}}})", "{{address}}"),
                [(None, BAD), (1, GOOD), (2, BAD)],
                width=5,
                nothing="no address",
            )
        )
        .with_panel(
            figures(
                "Alerts that fire",
                "All but Watchdog, by severity.",
                query(
                    f'sum by (severity) (ALERTS{{{HERE}, alertstate="firing", alertname!="Watchdog"}})'
                    ' or on () label_replace(vector(0), "severity", "none", "", "")',
                    "{{severity}}",
                ),
                [(None, GOOD), (1, LOW)],
                width=6,
                nothing="unknown",
            )
        )
        .with_panel(
            figures(
                "Reasons to stand still",
                "Why the healer does nothing anywhere. 0: it may act. No value: it does not answer.",
                query(f"sum (healer_frozen{{{HERE}}})", "healer"),
                [(None, GOOD), (1, BAD)],
                width=5,
                nothing="healer silent",
            )
        )
    )


def _broken(made: dashboard.Dashboard) -> dashboard.Dashboard:
    serving = {"1": ("serves", GOOD), "0": ("does not serve", BAD)}
    return (
        made.with_row(dashboard.Row("What is broken"))
        .with_panel(
            rows(
                "Alerts that fire now",
                "What to read first. The name leads to the runbook with the state of the moment.",
                query(
                    f'ALERTS{{{HERE}, alertstate="firing"}}', now=True, rows=True
                ),  # Watchdog is there too: an empty table would not say that judging works
                {
                    "alertname": "alert",
                    "severity": "severity",
                    "group": "group",
                    "node": "node",
                    "service": "service",
                    "pool": "pool",
                    "address": "address",
                },
                nothing="Not even Watchdog fires: Prometheus does not judge",
            ).override_by_name(
                "alert",
                [
                    model.DynamicConfigValue(
                        "links",
                        [
                            {
                                "title": "Runbook",
                                "url": "${healer}/runbooks/${__value.text}",
                                "targetBlank": True,
                            }
                        ],
                    )
                ],
            )
        )
        .with_panel(
            states(
                "Members",
                "Whether each member of each group serves. A gap: nobody can tell.",
                query(f"hale:member_serving{{{HERE}}}", "{{group}} {{node}}"),
                serving,
            )
        )
        .with_panel(
            states(
                "Pool members, as each balancer sees them",
                "Whether a balancer sends a member new requests; drained and failed are both no.",
                query(f"hale:pool_member_up{{{HERE}}}", "{{node}}: {{pool}}/{{member}}"),
                {"1": ("gets requests", GOOD), "0": ("gets none", LOW)},
            )
        )
        .with_panel(
            lines(
                "Requests that failed",
                "Share of each pool's requests that ended in a 5xx, of the last five minutes; dashed: what the"
                " objective allows.",
                [
                    query(
                        f"hale:pool_errors:rate5m{{{HERE}}} / hale:pool_requests:rate5m{{{HERE}}}",
                        "{{pool}}",
                    ),
                    query(f"1 - hale:availability_objective{{{HERE}}}", "allowed"),
                ],
                "percentunit",
                width=6,
            ).override_by_name("allowed", [model.DynamicConfigValue("custom.lineStyle", DASHED)])
        )
        .with_panel(
            lines(
                "Requests",
                "Requests a second to each pool.",
                [query(f"hale:pool_requests:rate5m{{{HERE}}}", "{{pool}}")],
                "reqps",
                width=6,
            )
        )
    )


def _healing(made: dashboard.Dashboard) -> dashboard.Dashboard:
    given = ("node", "group", "service", "mountpoint", "reason")
    return (
        made.with_row(dashboard.Row("What is being healed"))
        .with_panel(
            figures(
                "Open incidents",
                "By state. held: a guard says no for now; mitigated: out of harm's way, to be repaired by day;"
                " escalated: a person has it.",
                query(f"sum by (state) (healer_incidents{{{HERE}}})", "{{state}}"),
                [(None, GOOD), (1, LOW)],
                width=24,
                nothing="healer silent",
            )
        )
        .with_panel(
            rows(
                "Left to people",
                "Incidents on which the healer will not act, with the guard's reason, and those it has mitigated.",
                query(
                    f"sum by ({', '.join(given)}) (healer_incident_holding{{{HERE}}}"
                    f" or healer_incident_escalated{{{HERE}}}"
                    f' or label_replace(healer_incident_mitigated{{{HERE}}}, "reason", "mitigated", "", ""))',
                    now=True,
                    rows=True,
                ),
                {name: name for name in given},
                nothing="Nothing",
            )
        )
        .with_panel(
            lines(
                "Actions",
                "What gates were told to do and how it ended, in each hour before.",
                [
                    query(
                        f"sum by (action, outcome) (increase(healer_actions_total{{{HERE}}}[1h]))",
                        "{{action}} {{outcome}}",
                    )
                ],
                "short",
                width=6,
            )
        )
        .with_panel(
            lines(
                "Time from the alert to each step",
                "Means of the hour before, in seconds from the alert's start: detect, decide, act, serve, redundancy.",
                [
                    query(
                        f"sum by (step) (increase(healer_time_to_seconds_sum{{{HERE}}}[1h]))"
                        f" / sum by (step) (increase(healer_time_to_seconds_count{{{HERE}}}[1h]))",
                        "{{step}}",
                    )
                ],
                "s",
                width=6,
            )
        )
    )


def _taken_away(made: dashboard.Dashboard) -> dashboard.Dashboard:
    return made.with_row(dashboard.Row("What is taken away")).with_panel(
        rows(
            "Marks",
            "What a gate keeps away until its owner lets go: members drained, addresses declined. Older than a day:"
            " most likely forgotten.",
            query(f"time() - hale_mark_timestamp_seconds{{{HERE}}}", now=True, rows=True),
            {
                "mark": "mark",
                "subject": "of",
                "node": "on",
                "owner_kind": "owner",
                "Value": "for",
            },
            nothing="Nothing is taken away",
            unit="s",
        ).span(24)
    )


def _nodes(made: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        made.with_row(dashboard.Row("Nodes"))
        .with_panel(
            lines(
                "Processors busy",
                "Share of all processors' time that is not idle.",
                [
                    query(
                        "1 - avg by (node)"
                        f' (rate(node_cpu_seconds_total{{{HERE}, mode="idle"}}[$__rate_interval]))',
                        "{{node}}",
                    )
                ],
                "percentunit",
            )
        )
        .with_panel(
            lines(
                "Memory in use",
                "Share that a new program could not have.",
                [
                    query(
                        f"1 - node_memory_MemAvailable_bytes{{{HERE}}} / node_memory_MemTotal_bytes{{{HERE}}}",
                        "{{node}}",
                    )
                ],
                "percentunit",
            )
        )
        .with_panel(
            lines(
                "File systems in use",
                "Share that unprivileged writers cannot have, the fullest five.",
                [
                    query(
                        f"topk(5, 1 - node_filesystem_avail_bytes{{{HERE}, {DISKS}}}"
                        f" / node_filesystem_size_bytes{{{HERE}, {DISKS}}})",
                        "{{node}} {{mountpoint}}",
                    )
                ],
                "percentunit",
            )
        )
    )


def text() -> str:
    """Return the dashboard as Grafana imports it."""
    built = cluster().build()
    for number, panel in enumerate(built.panels or [], 1):
        panel.id_val = number  # the SDK gives every row the same
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
