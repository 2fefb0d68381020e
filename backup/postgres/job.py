"""One job of a database: what it is of, the clock, and what it has to tell."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backup.job import Told
from backup.places import Places
from backup.postgres.repository import Repository
from backup.postgres.stanza import Stanza


@dataclass(frozen=True, slots=True)
class StanzaJob:
    """What one run has, as backup.job.Job has it for files."""

    stanza: Stanza
    places: Places
    wall: Callable[[], float] = time.time
    told: Told = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The backup's name."""
        return self.stanza.name

    @property
    def repository(self) -> Repository:
        """Where its backups and its write-ahead log are."""
        return Repository(self.stanza)
