"""Which rules of the short way this exporter can prove, and how each asks what a collector knows."""

from collections.abc import Iterable, Iterator

from exporter.alerting.alert import Condition
from exporter.config import Service
from exporter.failures.kinds import Failure

SERVICE_DOWN, NODE_FAILING = "ServiceDown", "NodeFailing"
RULES = (SERVICE_DOWN, NODE_FAILING)
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


OF_THE_NODE = frozenset(
    {
        Failure.DISK,
        Failure.FILESYSTEM,
        Failure.MEMORY_HW,
        Failure.CPU_HW,
        Failure.THERMAL_POWER,
        Failure.KERNEL_PANIC_HANG,
        Failure.OOM,
    }
)
"""The types that NodeFailing asks for."""


def node_failing(told: frozenset[Failure] | None) -> Iterator[Condition]:
    """Return the conditions of NodeFailing: `hale_failure` 1 by the kernel's word, one for each type.

    Args:
        told: What fails by the kernel's word; None while nobody knows yet.
    """
    for kind in sorted(OF_THE_NODE):
        holds = None if told is None else kind in told
        yield Condition(NODE_FAILING, (("failure", kind.value),), 1.0, holds)
