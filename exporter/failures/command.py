"""The command `hale-exporter classify`: says of each line of a file what it tells of, and which entry says so."""

import argparse
import codecs
import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exporter.failures.classifier import Classifier, Verdict
from exporter.failures.lines import LONGEST, Form, line_of

EPILOG = """\
FILE is journalctl's JSON (-o json), syslog, dmesg or bare text; each line's form is seen from itself. Lines of which
nobody can tell who wrote them count for whoever may; what a user's program writes never counts as the kernel's.

examples:
  journalctl -k -b -1 -o json | hale-exporter classify -
  hale-exporter classify --only-failures /var/log/kern.log

exit status:
  0    every line was read, whatever it tells of
  1    whoever reads the output left before its end, as head does
  2    FILE cannot be read, or the output not be written
  130  interrupted
"""


LEFT, UNUSABLE, INTERRUPTED = 1, 2, 130
"""Exit statuses, of which `EPILOG` tells."""

MOST_BYTES = 4 * LONGEST
"""Of one line; UTF-8 has at most four for a character."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line and its verdict."""

    form: Form
    text: str
    verdict: Verdict


class _Unwritten(Exception):
    """The output cannot be written."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit status is that of `EPILOG`."""
    options = _parser().parse_args(arguments)
    if sys.stdout is None:  # the shell's >&-
        return _refuse("standard output: it is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale's encoding may lack what a log has
        sys.stdout.reconfigure(errors="backslashreplace")
    write = _json if options.output == "json" else _row
    try:
        with _opened(options.file) as lines:
            for told in _told(lines, Classifier()):
                if told.verdict.type is not None or not options.only_failures:
                    _say(write(told) + "\n")
        _say("", last=True)
    except _Unwritten as error:
        return _unwritten(error)
    except OSError as error:
        return _refuse(f"{options.file}: {error.strerror}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _say(text: str, *, last: bool = False) -> None:
    try:
        sys.stdout.write(text)
        if last:
            sys.stdout.flush()
    except OSError as error:
        raise _Unwritten from error


def _unwritten(error: _Unwritten) -> int:
    # Python writes what is left once more when it ends, and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error.__cause__, BrokenPipeError):
        return LEFT
    return _refuse(f"standard output: {getattr(error.__cause__, 'strerror', error)}")


def _refuse(reason: str) -> int:
    print(f"hale-exporter classify: {reason}", file=sys.stderr)
    return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-exporter classify",
        description="Say of each line of a log what failure it tells of.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="- for standard input")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--only-failures", action="store_true", help="leave out benign lines")
    return parser


def _opened(file: str) -> BinaryIO:
    if file != "-":
        return Path(file).open("rb")
    if sys.stdin is None:  # the shell's <&-
        raise OSError(errno.EBADF, "standard input is closed")
    return sys.stdin.buffer


def _told(lines: BinaryIO, classifier: Classifier) -> Iterator[Told]:
    while raw := lines.readline(MOST_BYTES):
        whole = raw
        while not whole.endswith(b"\n") and (whole := lines.readline(MOST_BYTES)):
            pass  # of a line without end the beginning counts
        # Before that mark, which some editors leave, no form would be seen.
        line = line_of(raw.removeprefix(codecs.BOM_UTF8).decode(errors="replace"))
        yield Told(line.form, line.text, classifier.judge(line))


def _row(told: Told) -> str:
    verdict = told.verdict
    cells = (verdict.kind, verdict.cause or "-", verdict.device or "-", verdict.entry or "-")
    return "  ".join(map(_printable, (*cells, told.text)))


def _printable(text: str) -> str:
    """Return text that moves no terminal's cursor: anybody may have written it into the log."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _json(told: Told) -> str:
    verdict = told.verdict
    return json.dumps(
        {
            "failure_type": verdict.kind,
            "cause": verdict.cause,
            "device": verdict.device,
            "entry": verdict.entry,
            "form": told.form.value,
            "line": told.text,
        }
    )
