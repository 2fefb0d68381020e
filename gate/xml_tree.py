"""XML that another program wrote: elements and attributes, no text.

Rule: a document type is refused, so that no entity is ever made or unfolded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat


@dataclass(slots=True)
class Element:
    """One element with what is below it."""

    name: str
    attributes: dict[str, str]
    children: "list[Element]" = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return an attribute; empty where there is none."""
        return self.attributes.get(name, "")

    def flag(self, name: str) -> bool:
        """Tell whether an attribute says true.

        Raises:
            ValueError: it says neither true nor false, or is not there.
        """
        word = self.get(name)
        if word not in ("true", "false"):
            raise ValueError(f"<{self.name}> {name}: want true or false, got {word[:40]!r}")
        return word == "true"

    def all(self, *path: str) -> "Iterator[Element]":
        """Yield the elements at the end of a path of names, in the document's order."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])

    def below(self, name: str) -> "Iterator[Element]":
        """Yield every element of this name, however deep it is."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.below(name)


def parse(document: bytes) -> Element:
    """Return the root of a document.

    Raises:
        ValueError: it is not XML, or has a document type.
    """
    top = Element("", {})
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name, attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)
        if len(open_elements) > _DEPTH:
            raise ValueError("XML that is too deep")

    def doctype(*_: object) -> None:
        raise ValueError("XML with a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError) as error:  # an encoding may be unknown
        raise ValueError(f"not XML: {error}; got {document[:60]!r}") from error
    return top.children[0]


_DEPTH = 100
