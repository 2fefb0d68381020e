"""The runbooks that come with Hale, one page for each alert."""

from functools import cache
from importlib.resources import files


@cache
def runbooks() -> dict[str, str]:
    """Return every page's text by its alert, sorted by name; empty where none are installed.

    They cannot change while the process runs: they are part of the installation.
    """
    try:
        entries = sorted(files("runbooks").iterdir(), key=lambda entry: entry.name)
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        return {}
    return {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".md")
    }
