"""HTML that is safe by construction: whatever is not Markup is escaped, and only this module makes Markup."""

import html
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from healer.plain import printable

LONGEST = 2000
"""Characters shown of one value; a configuration check may have much to say."""


WORD = 40
"""Characters that fit into a column; a longer word is broken wherever the column ends."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup("")


def element(name: str, *children: object, **attributes: str) -> Markup:
    """Return one element. `class_` is class, and `data_now` is data-now; empty ones are left out."""
    return Markup(f"<{name}{_attributes(attributes)}>{join(children)}</{name}>")


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value
    )


def join(children: Iterable[object], between: str = "") -> Markup:
    """Return children one after the other, escaped where they are no Markup."""
    return Markup(between.join(safe(child) for child in children))


def safe(child: object) -> str:
    """Return a child as HTML. Stranger's words are printable, and isolated from the text around them."""
    if isinstance(child, Markup):
        return child
    return html.escape(printable(child, LONGEST))


def words(value: object) -> Markup:
    """Return a stranger's words, kept apart from the direction of the text around them."""
    longest = max((len(word) for word in str(value).split()), default=0)
    return element("bdi", value, class_="long" if longest > WORD else "")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], class_: str = "") -> Markup:
    """Return a table; each cell knows its head, so that a narrow screen can show rows as cards.

    The roles say what the elements are: some browsers forget it where a style sheet shows them as something else.
    """
    named = [element("th", one, scope="col", role="columnheader") for one in heads]
    head = element("tr", *named, role="row")
    body = [
        element(
            "tr",
            *(
                element("td", cell, data_head=name, role="cell")
                for name, cell in zip(heads, row, strict=True)
            ),
            role="row",
        )
        for row in rows
    ]
    parts = [
        element("thead", head, role="rowgroup"),
        element("tbody", join(body, "\n"), role="rowgroup"),
    ]
    return element("table", join(parts, "\n"), class_=class_, role="table")


def link(href: str, text: object, class_: str = "") -> Markup:
    """Return a link. Only our own paths, http and https are followed; anything else is plain text."""
    good = href.startswith(("https://", "http://", "#")) or (
        href.startswith("/") and not href.startswith("//")
    )
    return element("a", text, href=href, class_=class_) if good else join([text])


def path_of(*parts: str) -> str:
    """Return a path of ours; whatever a part holds stays within it."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def void(name: str, **attributes: str) -> Markup:
    """Return an element that has no end tag."""
    return Markup(f"<{name}{_attributes(attributes)}>")
