"""Every kind of fact a drill can expect or forbid, by the word it has in a drill file."""

from collections.abc import Mapping
from types import MappingProxyType

from lab.drills.facts.healing import ActedBefore, Explained, Held, IncidentReaches, VerbsCounted
from lab.drills.facts.monitoring import (
    AlertFires,
    AlertResolves,
    DeadmanReports,
    PageArrives,
    PagesCounted,
    QueryAnswers,
)
from lab.drills.facts.ruling import Fact
from lab.drills.facts.serving import (
    Logged,
    ServesAgain,
    ServiceLost,
    Unchanged,
    UnitIs,
    UnitRestarts,
    UrlAnswers,
)

FACTS: Mapping[str, type[Fact]] = MappingProxyType(
    {
        "alert": AlertFires,
        "resolved": AlertResolves,
        "query": QueryAnswers,
        "page": PageArrives,
        "pages": PagesCounted,
        "deadman": DeadmanReports,
        "incident": IncidentReaches,
        "hold": Held,
        "explained": Explained,
        "verbs": VerbsCounted,
        "acted": ActedBefore,
        "serves": ServesAgain,
        "lost": ServiceLost,
        "unit": UnitIs,
        "restarted": UnitRestarts,
        "logged": Logged,
        "answers": UrlAnswers,
        "unchanged": Unchanged,
    }
)
"""The registry. A drill writes `- {alert: {name: ServiceDown, node: web1}, within: 10s}`."""
