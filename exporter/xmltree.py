"""XML that another program wrote: elements and attributes, no text, and no more of them than such a program writes.

Rule: a document type is refused, so no entity is ever made or unfolded; depth, elements and bytes are bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from exporter.collector import Malformed

MOST_DEPTH = 100
# A cluster of 32 nodes with a thousand resources each writes fewer.
MOST_ELEMENTS = 200_000


@dataclass(slots=True)
class Element:
    """One element with what is below it."""

    name: str
    attributes: dict[str, str]
    children: "list[Element]" = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return an attribute; "" where there is none."""
        return self.attributes.get(name, "")

    def all(self, *path: str) -> "Iterator[Element]":
        """Yield the elements at the end of a path of names, in the document's order."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])


def parse(document: bytes) -> Element:
    """Return the root of a document.

    Raises:
        Malformed: It is not XML, has a document type, or is larger than any of this kind.
    """
    return _Builder().build(document)


class _Builder:
    def __init__(self) -> None:
        self._top = Element("", {})
        self._open = [self._top]
        self._elements = 0

    def build(self, document: bytes) -> Element:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(document, True)
        except (expat.ExpatError, LookupError, ValueError) as error:  # an encoding may be unknown
            raise Malformed(f"not XML: {error}; saw {document[:60]!r}") from error
        return self._top.children[0]

    def _doctype(self, *_: object) -> None:
        raise Malformed("XML with a document type, which no program of a cluster writes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._open) > MOST_DEPTH:
            raise Malformed("XML with more elements, or deeper ones, than a cluster has")
        element = Element(name, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()
