"""Every kind of fact a drill can expect or forbid, by the word it has in a drill file."""

from collections.abc import Mapping
from types import MappingProxyType

from lab.drills.facts.databases import Primaries, PrimaryIs, ReplicaIs, Streaming
from lab.drills.facts.deciding import Frozen, LastLinesShown, OneIncident, OneLoss, Thawed
from lab.drills.facts.healing import ActedBefore, Explained, Held, IncidentReaches, VerbsCounted
from lab.drills.facts.monitoring import (
    AlertFires,
    AlertResolves,
    DeadmanReports,
    PageArrives,
    PagesCounted,
    QueryAnswers,
    TicketArrives,
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
from lab.drills.facts.tier import MarkIs, OwnerIs, Owners, ServerBecomes, ServerIs

FACTS: Mapping[str, type[Fact]] = MappingProxyType(
    {
        "alert": AlertFires,
        "resolved": AlertResolves,
        "query": QueryAnswers,
        "page": PageArrives,
        "pages": PagesCounted,
        "ticket": TicketArrives,
        "deadman": DeadmanReports,
        "incident": IncidentReaches,
        "one_incident": OneIncident,
        "one_loss": OneLoss,
        "last_lines": LastLinesShown,
        "hold": Held,
        "explained": Explained,
        "frozen": Frozen,
        "thawed": Thawed,
        "verbs": VerbsCounted,
        "acted": ActedBefore,
        "serves": ServesAgain,
        "lost": ServiceLost,
        "unit": UnitIs,
        "restarted": UnitRestarts,
        "logged": Logged,
        "answers": UrlAnswers,
        "unchanged": Unchanged,
        "owner": OwnerIs,
        "owners": Owners,
        "mark": MarkIs,
        "server": ServerIs,
        "becomes": ServerBecomes,
        "primary": PrimaryIs,
        "primaries": Primaries,
        "streaming": Streaming,
        "replica": ReplicaIs,
    }
)
"""The registry. A drill writes `- {alert: {name: ServiceDown, node: web1}, within: 10s}`."""
