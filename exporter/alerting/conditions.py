"""Which rules of the short way this exporter can prove, and how each asks what a collector knows."""

from collections.abc import Iterable, Iterator

from exporter.alerting.alert import Condition
from exporter.config import Service

SERVICE_DOWN = "ServiceDown"
RULES = (SERVICE_DOWN,)
"""Every rule that has no `for`; tests/contract/test_short_way.py compares them."""


def service_down(answers: Iterable[tuple[Service, bool | None]]) -> Iterator[Condition]:
    """Return the conditions of ServiceDown: `hale_service_up == 0`, whatever proved it.

    Args:
        answers: Every declared service with its hale_service_up; None where that is absent.
    """
    for service, serves in answers:
        # The rule puts the service's own group in the place of the node's.
        labels = (("group", service.group), ("service", service.name))
        yield Condition(SERVICE_DOWN, labels, 0.0, None if serves is None else not serves)
