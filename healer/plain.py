"""Words from outside, made safe to show. Labels and gates' answers are written by strangers.

Rule: what is stored and what goes out as JSON stays as it was; only what a person looks at is changed.
"""

import unicodedata

LONGEST = 300
"""Characters shown of one value; the JSON has all of it."""


_KNOWN = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(value: object, longest: int = LONGEST) -> str:
    r"""Return a value as one line that neither moves a terminal's cursor nor turns text around.

    Control, format (direction marks, zero width), surrogate and unassigned characters become `\uXXXX`,
    a new line `\n`.
    What is cut off is counted.
    """
    text = str(value)
    shown = "".join(_one(char) for char in text[:longest])
    return shown if len(text) <= longest else f"{shown}… ({len(text)} characters)"


def _one(char: str) -> str:
    # Categories C*, and the two line separators, which some terminals and browsers obey.
    if char in _KNOWN:
        return _KNOWN[char]
    category = unicodedata.category(char)
    if category[0] == "C" or category in ("Zl", "Zp"):
        return f"\\u{ord(char):04x}"
    return char
