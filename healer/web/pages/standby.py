"""The one page of a healer that does not lead, which asks again by itself until one does."""

from healer.web.frame import REFRESH, page
from healer.web.markup import Markup, element, link, path_of, words
from healer.web.parts import way, ways


def standby(title: str, sentence: str, leader: str, there: str) -> Markup:
    """Return the page.

    Args:
        title: Of which cluster it is a standby, or the next leader.
        sentence: Who leads.
        leader: The node that leads; empty where that is not known.
        there: Where that one shows what was asked for; empty where that is not known.
    """
    return page(
        title,
        element("p", words(sentence), class_="banner" if leader else "banner bad"),
        ways(way(there, f"Open this page at {leader}")) if there else "",
        "" if leader else ways(way(path_of("runbooks", "HealerNoLeader"), "What to do")),
        element("p", link("/runbooks/", "The runbooks"), " are open to read here too."),
        element("p", f"This page asks again every {REFRESH} s.", class_="quiet"),
        again=True,
    )
