"""Which devices of a kind to show, by regular expressions as node_exporter's device-exclude and -include."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Devices:
    """A device is shown unless `exclude` matches, and only if `include` does; None leaves that question out."""

    exclude: re.Pattern[str] | None = None
    include: re.Pattern[str] | None = None

    def keeps(self, name: str) -> bool:
        """Tell whether to show the device of this name; the expressions are searched, not anchored."""
        if self.exclude is not None and self.exclude.search(name):
            return False
        return self.include is None or self.include.search(name) is not None


EVERY = Devices()
