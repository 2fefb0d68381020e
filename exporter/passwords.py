"""No password in what people read: errors go to terminals, logs and tickets, which everybody sees."""


def masked(text: str) -> str:
    """Return a text in which no user and password stand before an address any more (RFC 3986, userinfo).

    It takes away rather too much than too little: a password that is not encoded as it should be has any character.
    """
    before, at, host = text.rpartition("@")
    if not at or ":" not in before:  # getty@tty1.service has none
        return text
    scheme, mark, _ = before.partition("://")
    return f"{scheme}://***@{host}" if mark else f"***@{host}"


def shown(value: str, most: int = 200) -> str:
    """Return a value as an error quotes it: masked, and then no longer than `most` characters."""
    return repr(masked(value)[:most])
