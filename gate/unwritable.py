"""The one error of everything that has to do with the ledger's file."""


class LedgerUnwritable(Exception):  # reads as what happened
    """The ledger is missing, damaged or cannot be written. Nothing may be run that it must know of."""


class NoLedgerYet(LedgerUnwritable):
    """There is none, so nothing ever ran; the next session makes one."""
