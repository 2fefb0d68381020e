"""A small and safe Markdown: what the runbooks use, and nothing else.

Headings, paragraphs, lists, fenced code, inline code, strong words, links and tables. HTML in the source is text.
"""

import re
from collections.abc import Iterator

from healer.web.markup import Markup, element, join, link

INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)")
HEADING = re.compile(r"(#{1,4}) +(.+)")
ITEM = re.compile(r"( *)(?:[-*]|(\d+)\.) +(.*)")
FENCE = "```"
RULE_OF_TABLE = re.compile(r"\|?[ :|-]*-[ :|-]*")

LINE = 20_000
"""Characters of one line or paragraph that are looked at for markup; the pages are ours, and far shorter."""


def render(text: str) -> Markup:
    """Return the HTML of a page."""
    return join(_blocks(text.splitlines()), "\n")


def inline(text: str) -> Markup:
    """Return the HTML of one paragraph's text."""
    parts: list[object] = []
    at = 0
    for found in INLINE.finditer(text[:LINE]):
        parts.append(_plain(text[at : found.start()]))
        code, strong, label, href = found.groups()
        if code is not None:
            parts.append(element("code", code))
        elif strong is not None:
            parts.append(element("strong", inline(strong)))
        else:
            parts.append(link(_page(href), label))
        at = found.end()
    parts.append(_plain(text[at:]))
    return join(parts)


def _plain(text: str) -> Markup:
    # In pieces, since what is shown of one value is bounded.
    return join(re.findall(r".{1,200}", text, re.DOTALL))


def _page(href: str) -> str:
    """A runbook beside this one is a page of ours."""
    found = re.fullmatch(r"(?:\./)?(\w+)\.md(#.*)?", href)
    return f"/runbooks/{found[1]}" if found else href


def _blocks(lines: list[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith(FENCE):
            end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith(FENCE)), None)
            end = len(lines) if end is None else end
            yield _code(lines[at + 1 : end])
            at = end + 1
        elif heading := HEADING.fullmatch(line):
            yield element(f"h{len(heading[1])}", inline(heading[2]))
            at += 1
        else:
            end = _end(lines, at)
            yield _block(lines[at:end])
            at = end


def _end(lines: list[str], at: int) -> int:
    """Return where the block that begins at `at` ends: at an empty line, a heading or a fence."""
    end = at + 1
    while end < len(lines):
        line = lines[end]
        begins_list = ITEM.fullmatch(line) and not ITEM.fullmatch(lines[at])
        if not line.strip() or line.startswith(FENCE) or HEADING.fullmatch(line) or begins_list:
            break
        end += 1
    return end


def _code(lines: list[str]) -> Markup:
    shown = join([_plain(line) for line in lines], "\n")
    return element("pre", element("code", shown))


def _block(lines: list[str]) -> Markup:
    if len(lines) > 1 and "|" in lines[0] and RULE_OF_TABLE.fullmatch(lines[1].strip()):
        return _table(lines)
    if ITEM.fullmatch(lines[0]):
        return _list(lines)
    return element("p", inline(" ".join(line.strip() for line in lines)))


def _table(lines: list[str]) -> Markup:
    heads, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines)
    head = element("tr", *(element("th", inline(cell), scope="col") for cell in heads))
    body = [element("tr", *(element("td", inline(cell)) for cell in row)) for row in rows[1:]]
    return element("table", element("thead", head), element("tbody", *body))


def _list(lines: list[str]) -> Markup:
    """Return a list; a deeper item is shown one level in, whatever its depth."""
    items: list[tuple[int, list[str]]] = []
    for line in lines:
        found = ITEM.fullmatch(line)
        if found:
            items.append((len(found[1]), [found[3]]))
        else:
            items[-1][1].append(line.strip())
    ordered = ITEM.fullmatch(lines[0])
    name = "ol" if ordered and ordered[2] else "ul"
    return element(name, *(_item(depth, text) for depth, text in items))


def _item(depth: int, text: list[str]) -> Markup:
    return element("li", inline(" ".join(text)), class_="in" if depth >= 2 else "")
