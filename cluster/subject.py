"""What a check may look at, and how it says what it found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cluster.document import Document
from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.load import Loaded
from cluster.model import Cluster
from cluster.packaged import Alert


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded cluster beside what is packaged.

    Attributes:
        alerts: Those of the packaged rules; empty where none are installed.
        runbooks: The alerts that have a page.
    """

    loaded: Loaded
    alerts: tuple[Alert, ...] = ()
    runbooks: frozenset[str] = frozenset()

    @property
    def cluster(self) -> Cluster:
        """The cluster under check."""
        return self.loaded.cluster

    @property
    def document(self) -> Document:
        """Its text."""
        return self.loaded.document

    def finding(self, code: Code, path: Path, reason: str, remedy: str) -> Finding:
        """Make a finding that knows its place."""
        at = self.document.position(path)
        return Finding(code, self.document.name, at.line, at.column, path, reason, remedy)


Check = Callable[[Subject], Iterator[Finding]]
