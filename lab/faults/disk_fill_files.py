"""disk.fill_files: a file system filled by many files, as a cache or uploads that nobody tidies do."""

from dataclasses import dataclass

from lab.faults import filling
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class DiskFillFiles:
    """Files of 4 MiB that take all room of the file system under `path`, which is made.

    Attributes:
        suffix: How their names end, such as `.tmp`.
        age: How long ago they were last changed, as date(1) says it: `2 hours`.
    """

    node: str
    path: str
    suffix: str = ".tmp"
    age: str = "2 hours"

    def inject(self, lab: Lab) -> str:
        """Fill it."""
        said = filling.fill_with_files(lab, self.node, self.path, self.suffix, self.age)
        return f"{self.node}: {self.path} filled with *{self.suffix}, {self.age} old: {said}"

    def undo(self, lab: Lab) -> None:
        """Remove those files that are still there."""
        filling.release_files(lab, self.node, self.path)
