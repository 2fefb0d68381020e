"""What the node's logs tell."""

import os
from pathlib import Path

from exporter.blocking import Threads
from exporter.collectors.failures import Failures
from exporter.failures.batch import Followed
from exporter.failures.budget import Budget
from exporter.failures.classifier import Classifier
from exporter.failures.journal import Journal
from exporter.failures.kept import KeptFile
from exporter.failures.kmsg import Kmsg
from exporter.files import beginning
from exporter.offers import Flag, Node, Offer

STATE_FILE: Flag[Path | None] = Flag(
    "failures.state-file",
    None,
    Path,
    "where it had come to in the journal; default failures.json in systemd's StateDirectory",
    "FILE",
)


def _failures(node: Node) -> Failures:
    monotonic = node.clock.monotonic
    sources: dict[str, Followed] = {"journal": Journal(Budget(monotonic), Budget(monotonic))}
    if node.kmsg is not None:
        boot_id = beginning(node.procfs / "sys/kernel/random/boot_id", 64).decode().strip()
        sources["kmsg"] = Kmsg(node.kmsg, Budget(monotonic), boot_id)
    state = os.environ.get("STATE_DIRECTORY")
    kept = node.chosen.of(STATE_FILE) or (Path(state) / "failures.json" if state else None)
    return Failures(sources, KeptFile(kept), node.clock, Classifier(), Threads())


OFFERS = (Offer("failures", _failures, (STATE_FILE,)),)
