"""An incident that the board has forgotten, folded anew from the journal. Reads only."""

from healer.core import incident_events as ie
from healer.core.fold import begun, fold
from healer.core.incident import Incident
from healer.ports import Store

PAGE = 500
"""Records that are read at once."""


async def recall(store: Store, incident_id: str) -> Incident | None:
    """Return an incident as its records leave it; None where the journal has none of it any more.

    Raises:
        ConfigError: The journal cannot be read. Nothing was changed.
    """
    found, seq = None, 0
    while page := await store.read_incident(incident_id, seq, most=PAGE):
        for record in page:
            seq = record.seq
            match record.event:
                case ie.IncidentOpened():
                    found = begun(record.event, record.at_wall)
                case event if isinstance(event, ie.IncidentEvent) and found is not None:
                    found = fold(found, event, record.at_wall)
                case _:
                    pass  # what was before its opening was pruned
        if len(page) < PAGE:
            break
    return found
