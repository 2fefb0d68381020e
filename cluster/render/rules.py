"""/etc/prometheus/rules: the packaged rules with this cluster's numbers and addresses.

Rule: the text is edited in place, so that comments and the way expressions are written survive.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from cluster.coherence import SHORT
from cluster.model import Cluster
from cluster.packaged import Posted, RuleFile
from cluster.quantity import duration_text
from cluster.writing import HEADER

RUNBOOKS = "HALE_RUNBOOKS"
DASHBOARDS = "HALE_DASHBOARDS"


@dataclass(frozen=True, slots=True)
class _Edit:
    """Replace the characters from `start` up to `end`."""

    start: int
    end: int
    text: str


def rules_yml(cluster: Cluster, rules: RuleFile) -> str:
    """Write one file of rules for this cluster.

    `for` becomes what `monitoring.for` says. Links lead to the healer's runbooks and, where
    `monitoring.dashboards` is known, to Grafana; else dashboard_url is left out.
    """
    text = rules.text
    edits = [
        edit
        for rule in _rules(text)
        for edit in (*_waiting(cluster, rule), *_links(cluster, rule, text))
    ]
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return HEADER + text


def posted(cluster: Cluster, rules: Iterable[RuleFile]) -> tuple[Posted, ...]:
    """Return what goes the short way, from the very text that Prometheus gets."""
    texts = [rules_yml(cluster, file) for file in rules]
    found = (rule for text in texts for group in _groups(text) for rule in group.get("rules") or ())
    return tuple(
        Posted(rule["alert"], rule["labels"], rule["annotations"])
        for rule in found
        if rule.get("alert") in SHORT
    )


def _groups(text: str) -> list[dict[str, Any]]:
    return list((yaml.safe_load(text) or {}).get("groups") or ())


def _rules(text: str) -> Iterator[MappingNode]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for group in _items(_value(root, "groups")):
        for rule in _items(_value(group, "rules")):
            if isinstance(rule, MappingNode):
                yield rule


def _waiting(cluster: Cluster, rule: MappingNode) -> Iterator[_Edit]:
    """Set `for`, where cluster.yml says something of this alert."""
    alert = _value(rule, "alert")
    wanted = cluster.monitoring.for_.get(str(alert.value)) if alert else None
    if alert is None or wanted is None:
        return
    text = duration_text(wanted)
    if (written := _value(rule, "for")) is not None:
        yield _Edit(written.start_mark.index, written.end_mark.index, text)
    else:
        # In braces as in lines of its own, the place right after the alert's name is a good one.
        gap = ", " if rule.flow_style else "\n" + " " * rule.start_mark.column
        yield _Edit(alert.end_mark.index, alert.end_mark.index, f"{gap}for: {text}")


def _links(cluster: Cluster, rule: MappingNode, text: str) -> Iterator[_Edit]:
    """Fill in where the links lead; leave out those that lead nowhere."""
    bases = {
        RUNBOOKS: f"{cluster.healer.external_url}/runbooks",
        DASHBOARDS: cluster.monitoring.dashboards,
    }
    annotations = _value(rule, "annotations")
    for key in ("runbook_url", "dashboard_url"):
        entry = _entry(annotations, key)
        if entry is None:
            continue
        name, link = entry
        place, slash, page = str(link.value).partition("/")
        if place not in bases:
            continue
        base = bases[place]
        if base is not None:
            # Quoted, since an IPv6 address has signs that mean something to YAML.
            yield _Edit(link.start_mark.index, link.end_mark.index, f'"{base}{slash}{page}"')
        else:
            start = text.rfind("\n", 0, name.start_mark.index) + 1
            yield _Edit(start, text.find("\n", link.end_mark.index) + 1 or len(text), "")


def _entry(node: Node | None, key: str) -> tuple[Node, Node] | None:
    if not isinstance(node, MappingNode):
        return None
    return next(((name, value) for name, value in node.value if name.value == key), None)


def _value(node: Node | None, key: str) -> Node | None:
    entry = _entry(node, key)
    return entry[1] if entry else None


def _items(node: Node | None) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []
