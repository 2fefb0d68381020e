"""The pages for what is not here, not done, not shown, or not for whoever asks; each with what to do next."""

from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, join, link, words
from healer.web.parts import because, code, way, ways

TITLES = {
    401: "Sign in",
    403: "Not let in",
    429: "Wait before you try again",
    503: "Nobody can sign in now",
}
"""Of those who are turned away, by the status of HTTP."""

CONSOLE = "Root on the healer's node needs no password: "


def turned_away(status: int, reason: str, sentence: str, again: str) -> Markup:
    """Return what a person sees who is not let in.

    Args:
        status: Of HTTP, one of TITLES.
        reason: One word.
        sentence: For them.
        again: What they asked for.
    """
    wants_name = reason == "sign_in"  # nothing went wrong yet
    said = words(sentence) if wants_name else because(reason, sentence)
    next_ = element(
        "p", "Whoever runs this healer says who is let in: healer.users in cluster.yml."
    )
    if status != 403:
        # Nothing in a page opens the browser's own dialog but asking once more.
        next_ = ways(way(again, "Sign in" if status == 401 else "Try again"))
    return page(
        TITLES[status],
        element("p", said, class_="banner" if wants_name else "banner bad"),
        next_,
        element("p", link("/runbooks/", "The runbooks"), " are open to read."),
        element("p", CONSOLE, code("hale-healer incidents"), class_="quiet"),
    )


def other_name(url: str) -> Markup:
    """Return the page for a browser that asked under a name which is none of ours.

    Args:
        url: Where people reach the pages; empty where cluster.yml does not tell.
    """
    why = (
        "This healer is not known under the name of the host that your browser asked for, so a stranger's page may "
        "have asked. Ask by address, by a node's name, or by healer.external_url in cluster.yml."
    )
    return page(
        "Not under this name",
        element("p", because("unknown_host", why), class_="banner bad"),
        ways(way(url, url)) if url else "",
    )


def missing(frame: Frame, what: str, *further: Markup) -> Markup:
    """Return the page for what is not here, and where else to look."""
    return page(
        "Not found",
        element("p", words(what), class_="banner bad"),
        ways(*(further or (way("/incidents", "What is open now"),))),
        frame=frame,
    )


def not_done(frame: Frame, reason: str, sentence: str, back: str) -> Markup:
    """Return the page for a command that was refused: why, and the way back to how things are now."""
    return page(
        "Not done",
        element("p", because(reason, sentence), class_="banner bad"),
        element("p", element("strong", "Nothing was changed.")),
        ways(way(back, "Look at how it is now")),
        frame=frame,
    )


def unreadable(frame: Frame, sentence: str) -> Markup:
    """Return the page for what the journal has, and cannot give."""
    told = join(["The healer's log says more: ", code("journalctl -u hale-healer"), "."])
    return page(
        "Cannot be shown",
        element("p", because("journal_unreadable", sentence), class_="banner bad"),
        element("p", told),
        ways(way("/incidents", "What is open now")),
        frame=frame,
    )
