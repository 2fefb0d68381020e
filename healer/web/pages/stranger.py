"""The pages for what is not here, not done, or not for whoever asks."""

from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, link, words
from healer.web.parts import code


def turned_away(sentence: str) -> Markup:
    """Return what a person sees who is not signed in."""
    return page(
        "Sign in",
        element("p", words(sentence), class_="banner bad"),
        element("p", "Runbooks are open to read: ", link("/runbooks/", "all of them"), "."),
    )


def missing(frame: Frame | None, what: str) -> Markup:
    """Return the page for what is not here."""
    return page("Not found", element("p", words(what), class_="banner bad"), frame=frame)


def not_done(frame: Frame | None, reason: str, sentence: str, back: str) -> Markup:
    """Return the page for a command that was refused: why, and the way back to how things are now."""
    return page(
        "Not done",
        element("p", code(reason), " ", words(sentence), class_="banner bad"),
        element("p", "Nothing was changed."),
        element("p", link(back, "Look at how it is now"), class_="actions"),
        frame=frame,
    )


def broken(frame: Frame | None, sentence: str) -> Markup:
    """Return the page for what could not be shown."""
    return page("Cannot be shown", element("p", words(sentence), class_="banner bad"), frame=frame)
