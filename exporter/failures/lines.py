"""One log line, whatever form it has: who wrote it, and what it says.

Forms: journalctl -o json (systemd.journal-fields(7)), syslog as files have it (RFC 3164 and 5424, and rsyslog's), dmesg
in each of its styles of time, and bare text. Rule: only what the kernel itself wrote counts as the kernel's; where a
form cannot tell who wrote a line, nobody is said to have.
"""

import json
import re
from enum import Enum
from typing import Any, NamedTuple

from exporter.failures.kinds import Witness

KERNEL = "kernel"
"""The writer's name in syslog files of what the kernel wrote, and here of what is known to be its."""

DAEMONS = frozenset(
    {
        *("systemd", "systemd-fsck", "smartd", "mdadm", "multipathd", "dmeventd", "lvm", "zed"),
        *("iscsid", "mcelog", "rasdaemon", "thermald", "ipmievd", "upsmon", "apcupsd"),
        "hale-repaired",  # a person with root's rights
    }
)
"""Those whose lines have nothing of what strangers send: what these say of the node's hardware is acted upon."""

LONGEST = 8192
"""Characters of a line that are looked at. The kernel's own records have at most 1,024 (LOG_LINE_MAX in printk.c)."""


class Form(Enum):
    """How a line is written."""

    JOURNAL = "journal"
    SYSLOG = "syslog"
    DMESG = "dmesg"
    BARE = "bare"


class Line(NamedTuple):
    """A log line; a tuple, since one is made of each.

    Attributes:
        text: What was said, without what stands before it.
        writer: `kernel`, or the identifier of a program without its PID; None where the form does not tell.
        message_id: systemd's, 32 hex digits in lower case; empty for none.
        unit: The unit whose process wrote it; empty where unknown.
        about: What the journal's own fields name: the unit that systemd speaks of, or the kernel's device.
        root: Whether a process of root's is known to have written it.
    """

    form: Form
    text: str
    writer: str | None = None
    message_id: str = ""
    unit: str = ""
    about: str = ""
    root: bool = False

    @property
    def witness(self) -> Witness:
        """How far whoever wrote it is to be believed."""
        if self.writer == KERNEL:
            return Witness.KERNEL
        return Witness.DAEMON if self.root and self.writer in DAEMONS else Witness.OTHER


_PRIORITY = r"(?:<(?P<priority>\d{1,3})>(?:1 )?)?"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_DAY = r"(?:\d{4} )?[A-Za-z][a-z]{2} {1,2}\d{1,2} " + _CLOCK
_ISO = r"\d{4}-\d\d-\d\d[T ]" + _CLOCK + r"(?:Z|[+-]\d\d:?\d\d)?"
_LEVEL = (
    r"(?:(?:<?[a-z]{2,8}[0-7]?\.)?(?:EMERG|ALERT|CRIT|ERR|ERROR|WARN|WARNING|NOTICE|INFO|DEBUG"
    r"|emerg|alert|crit|err|error|warn|warning|notice|info|debug)>? )?"
)
_TAG = r"[^\s\[\]:()]{1,64}"
_PROCESS = r"(?:\([\w-]{1,32}\))?(?:\[(?:\d{1,10}|-)\])?"
_HOST = r"[^\s:]{1,255}"
_SYSLOG = re.compile(
    rf"{_PRIORITY}(?:"
    rf"{_DAY} {_HOST} {_LEVEL}({_TAG}){_PROCESS}:? "
    # Many programs' own logs begin with such a date too, and go on with what they say.
    rf"|{_ISO} {_HOST} {_LEVEL}({_TAG}){_PROCESS}: "
    rf"|(?:{_DAY}|{_ISO})  ?([\w./-]{{1,64}})(?:\[\d{{1,10}}\])?: "
    r")|(kernel): "
)
_RFC_5424 = re.compile(
    rf"<(?P<priority>\d{{1,3}})>1 (?:{_ISO}|-) \S{{1,255}} (\S{{1,48}}) \S{{1,128}} \S{{1,32}} "
    r"(?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: \ufeff?|$)"
)
"""Of these forms' groups the tag is the last that is there."""

_OTHERS = re.compile(
    r" <?(?:user|mail|daemon|auth|authpriv|syslog|lpr|news|uucp|cron|ftp|local[0-7])\.[A-Za-z]{3,7}>? kernel"
    r"| kernel\[[1-9]"
)
"""What tells that another one took the kernel's name: a facility in words (syslog(3)), or the number of a process."""

_DECODED = re.compile(r"(?P<facility>[a-z]{3,8}[0-7]?) {0,5}:[a-z]{3,6} {0,3}: (?=\[)")
"""What dmesg -x writes before the time."""

_RECORD = re.compile(r"(?P<priority>\d{1,10}),\d{1,20},\d{1,20},[^;]*;")
"""What stands before the text in /dev/kmsg."""

_DMESG = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)?\[ {0,12}\+?\d{1,12}\.\d{1,9}\](?:\[ {0,8}[CT]\d{1,10}\])? "
)
_DATED = re.compile(r"\[[A-Z][a-z]{2}[A-Za-z\d: .]{5,28}\] ")
"""dmesg -T and -H, and other programs too: Apache's error log begins so."""

_PRIORITIES = range(8)  # the kernel's: facility 0 times 8, and the severity


def line_of(written: str) -> Line:
    """Take a line apart; the form is seen from the line itself."""
    text = written[:LONGEST].rstrip("\r\n")
    if text.startswith("{") and (fields := _fields(text)) is not None:
        return of_journal(fields)
    for pattern in () if text.startswith("[") else (_SYSLOG, _RFC_5424):
        if (found := pattern.match(text)) is not None:
            return _of_syslog(text, found)
    for pattern in (_DMESG, _RECORD):
        if (found := pattern.match(text)) is not None:
            return Line(Form.DMESG, text[found.end() :], _by_priority(found["priority"]))
    if (found := _DECODED.match(text)) is not None:
        said = line_of(text[found.end() :]).text
        return Line(Form.DMESG, said, KERNEL if found["facility"] == "kern" else "")
    if (found := _DATED.match(text)) is not None:
        return Line(Form.BARE, text[found.end() :])
    return Line(Form.BARE, text)


def of_journal(fields: dict[str, Any]) -> Line:
    """Return the line of one entry of the journal.

    The transport says who wrote it, and journald itself says that; an identifier is whatever a program gives. So is
    a message id, which is believed of the system's own users only: their numbers are below 1000 (login.defs(5)).
    What a program writes into /dev/kmsg comes by the kernel's transport too, but the kernel lets none have its own
    facility, 0 (devkmsg_write() in kernel/printk/printk.c).
    """
    text = _text(fields.get("MESSAGE"))
    kernel = fields.get("_TRANSPORT") == "kernel" and str(fields.get("SYSLOG_FACILITY") or 0) == "0"
    named = _text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM"))
    writer = KERNEL if kernel else named if named != KERNEL else ""
    user = _text(fields.get("_UID"))
    about = "_UDEV_SYSNAME" if kernel else "UNIT" if fields.get("_PID") == "1" else ""
    return Line(
        Form.JOURNAL,
        text[:LONGEST],
        writer,
        "" if kernel or len(user) > 3 else _text(fields.get("MESSAGE_ID")).lower(),
        _text(fields.get("_SYSTEMD_UNIT")),
        _text(fields.get(about)),
        user == "0",
    )


def _fields(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "MESSAGE" in found else None


def _text(value: object) -> str:
    """Return a field's text: the journal writes one with bytes that are no text as an array of numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value).decode(errors="replace")
    return ""


def _of_syslog(text: str, found: re.Match[str]) -> Line:
    writer = found[found.lastindex or 0]
    if writer == KERNEL:
        others = _OTHERS.search(text, 0, found.end()) is not None
        writer = "" if others else _by_priority(found["priority"])
    said = text[found.end() :]
    if writer == KERNEL and (stamp := _DMESG.match(said)) is not None:
        said = said[stamp.end() :]
    return Line(Form.SYSLOG, said, writer)


def _by_priority(priority: str | None) -> str:
    """Return who wrote a line of the kernel's log by its priority, if that is there.

    Neither syslog(3) nor /dev/kmsg lets a program write under the kernel's facility.
    """
    return KERNEL if priority is None or int(priority) in _PRIORITIES else ""
