"""Errors by what the caller should do next."""


class HaleError(Exception):
    """Base of every error that is raised on purpose."""


class ConfigError(HaleError):
    """The configuration is wrong: the message says where and how to mend it. Nothing was started."""


class Unreachable(HaleError):
    """Nothing was changed and nothing is known: try again later."""


class Busy(Unreachable):
    """The other side is at work for us: ask again when that has ended. Nothing was changed."""


class OutcomeUnknown(HaleError):
    """Something may have been changed: ask before anything else is done."""


class Refused(HaleError):
    """The other side declined and touched nothing: asking again will not help.

    Attributes:
        reason: The other side's word for it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Malformed(HaleError):
    """The input can never be taken: answer with the reason, do not ask for it again."""


class StoreFull(HaleError):
    """Nothing can be made durable, so nothing new may be begun or acknowledged."""


class LeaseLost(HaleError):
    """Another healer holds the lead: stop at once, touch nothing more."""
