"""What came of a command, kept until the page that it leads to shows it.

It is not put into the address: whoever can make somebody follow a link could then have us say anything.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from healer.ports import Clock

MOST = 200

SECONDS = 60.0
"""For which it is shown, should the page be read again."""


@dataclass
class Said:
    """Sentences for people, each for one user."""

    clock: Clock
    _kept: OrderedDict[str, tuple[str, str, float]] = field(default_factory=OrderedDict)

    def keep(self, user: str, sentence: str) -> str:
        """Keep a sentence, and return the word by which its user finds it."""
        word = secrets.token_urlsafe(12)
        self._kept[word] = (user, sentence, self.clock.boottime() + SECONDS)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return word

    def find(self, user: str, word: str) -> str:
        """Return a user's sentence; empty where there is none of theirs, or not any more."""
        whose, sentence, until = self._kept.get(word, ("", "", 0.0))
        return sentence if user and whose == user and self.clock.boottime() < until else ""
