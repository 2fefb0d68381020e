"""The one page of a healer that does not lead."""

from healer.web.frame import page
from healer.web.markup import Markup, element, link, words


def standby(cluster: str, sentence: str, there: str) -> Markup:
    """Return the page.

    Args:
        cluster: Its name.
        sentence: Who leads.
        there: Where the one that leads shows what was asked for; empty where that is not known.
    """
    led = element("p", link(there, there), class_="actions") if there else ""
    return page(f"Standby of {cluster}", element("p", words(sentence), class_="banner"), led)
