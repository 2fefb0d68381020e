"""HTML that is safe by construction: whatever is not Markup is escaped, and only this module makes Markup."""

import html
from collections.abc import Iterable, Sequence

from healer.plain import printable

LONGEST = 2000
"""Characters shown of one value; a configuration check may have much to say."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup("")


def element(name: str, *children: object, **attributes: str) -> Markup:
    """Return one element. A trailing underscore of an attribute's name is dropped (`class_`)."""
    pairs = "".join(
        f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items() if value
    )
    return Markup(f"<{name}{pairs}>{join(children)}</{name}>")


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
    return element("bdi", value)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], class_: str = "") -> Markup:
    """Return a table; each cell knows its head, so that a narrow screen can show rows as cards."""
    head = element("tr", *(element("th", one, scope="col") for one in heads))
    body = [
        element(
            "tr",
            *(
                element("td", cell, **{"data-head": name})
                for name, cell in zip(heads, row, strict=True)
            ),
        )
        for row in rows
    ]
    inner = join([element("thead", head), element("tbody", join(body, "\n"))], "\n")
    return element("table", inner, class_=class_)


def link(href: str, text: object) -> Markup:
    """Return a link. Only our own paths, http and https are followed; anything else is plain text."""
    good = href.startswith(("https://", "http://", "#")) or (
        href.startswith("/") and not href.startswith("//")
    )
    return element("a", text, href=href) if good else join([text])


def page(title: str, *body: object, refresh: int = 0) -> Markup:
    """Return a whole page.

    Args:
        title: Of the page and of the browser's tab.
        body: What is under the heading.
        refresh: Seconds after which it loads anew; 0 for never.
    """
    again = Markup(f'<meta http-equiv="refresh" content="{refresh}">\n') if refresh else NOTHING
    head = join(
        [
            Markup('<meta charset="utf-8">\n'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
            again,
            element("title", f"{printable(title)} · Hale"),
            Markup('\n<link rel="stylesheet" href="/style.css">\n'),
        ]
    )
    top = element("nav", link("/incidents", "Hale"), " ", link("/runbooks/", "runbooks"))
    inner = join([top, element("h1", title), *body], "\n")
    return Markup(
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}</head>\n<body>\n{inner}\n</body>\n</html>\n'
    )
