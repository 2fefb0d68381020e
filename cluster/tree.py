"""Rendered files, and the folder that they are written to or compared with.

Rule: a file is replaced as a whole or not at all, and nothing that render did not write is removed.
"""

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """One file of one node.

    Attributes:
        path: Below the node's root, without the leading slash.
    """

    node: str
    path: str
    text: str

    @property
    def place(self) -> str:
        """Its path below the folder that is rendered to."""
        return f"{self.node}/{self.path}"


class Tree:
    """Every rendered file, sorted by place."""

    def __init__(self, files: Iterable[File]) -> None:
        self.files = tuple(sorted(files, key=lambda file: file.place))

    def of(self, node: str) -> "Tree":
        """Return the files of one node."""
        return Tree(file for file in self.files if file.node == node)

    def write(self, folder: Path) -> None:
        """Write every file below a folder, which is made if it is missing.

        Raises:
            OSError: the folder cannot be written; files before the named one are already there.
        """
        for file in self.files:
            target = folder / file.place
            target.parent.mkdir(parents=True, exist_ok=True)
            # Beside the target, so that the rename stays on one file system.
            fresh = target.with_name(f".{target.name}.new")
            fresh.write_bytes(file.text.encode())
            fresh.chmod(0o644)
            try:
                fresh.replace(target)
            except OSError:
                fresh.unlink()
                raise

    def left_over(self, folder: Path) -> tuple[str, ...]:
        """Name the files of these nodes in the folder that are no longer rendered."""
        rendered = {file.place for file in self.files}
        nodes = sorted({file.node for file in self.files})
        return tuple(
            place for node in nodes for place in _below(folder, node) if place not in rendered
        )

    def differences(self, folder: Path) -> Iterator[str]:
        """Yield a unified diff from what is in the folder to what would be written.

        Raises:
            OSError: something in the folder cannot be read.
        """
        for file in self.files:
            there = folder / file.place
            old = there.read_bytes().decode(errors="replace") if there.is_file() else ""
            if old != file.text or not there.is_file():
                yield from difflib.unified_diff(
                    old.splitlines(keepends=True),
                    file.text.splitlines(keepends=True),
                    f"a/{file.place}" if there.is_file() else os.devnull,
                    f"b/{file.place}",
                )
        for place in self.left_over(folder):
            yield f"Only in {folder}: {place}\n"


def _below(folder: Path, node: str) -> list[str]:
    found = (path for path in (folder / node).rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)
