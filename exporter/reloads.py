"""Whether what the files say now is what holds: a file with mistakes is not taken over, and that must be seen."""

from exporter.exposition import Family, Kind, block, line

RELOADED = Family(
    "hale_exporter_config_last_reload_successful",
    Kind.GAUGE,
    "Whether the file was good when it was last read; 0 while the one before it holds.",
)

EXPORTER, WEB = "exporter.yml", "web-config.yml"
"""What the files are called in the label, whatever their paths."""


class Reloads:
    """How the newest reading of each file ended."""

    def __init__(self, *files: str) -> None:
        """Take them for good, since the exporter does not start otherwise.

        Args:
            files: Those that are read at all.
        """
        self._good = dict.fromkeys(files, True)

    def note(self, file: str, good: bool) -> None:
        """Note how reading a file ended."""
        self._good[file] = good

    def __call__(self) -> bytes:
        """Return the series."""
        return block(
            RELOADED, [line(RELOADED.series(file=one), ok) for one, ok in self._good.items()]
        )
