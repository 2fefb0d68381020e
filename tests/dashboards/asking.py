"""The queries of the committed dashboard, and what Grafana would make of its variables."""

import json

from dashboards.cluster import FILE

_BUILT = json.loads(FILE.read_text())
QUERIES = tuple(target["expr"] for panel in _BUILT["panels"] for target in panel.get("targets", ()))


def filled(query: str, cluster: str = "web-tier") -> str:
    """Return a query as Grafana sends it for a scrape interval of two seconds."""
    return query.replace("$cluster", cluster).replace("$__rate_interval", "8s")
