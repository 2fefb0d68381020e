"""What dpkg says of an installed package's files, and a package file that gives them back.

dpkg(1), dpkg-query(1), dpkg-deb(1), apt-get(8). Rule: what dpkg does not say is unknown, and nothing is installed that
is not, file by file, what dpkg has noted of the version that is installed.
"""

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gate.child import Hung, in_child
from gate.process import NotStarted, Ran
from gate.verb import Programs

SAID_BYTES = 8 * 1024 * 1024
"""Of one answer of dpkg: the largest packages of Debian 12 have some 30,000 files."""

# src/main/verify.c, verify_output_rpm: nine letters of which the third is the checksum's, `c` for a conffile.
_VERIFIED = re.compile(r"(missing  |[?.0-9A-Z]{9}) ([c ]) (/.*)")
# A node may leave these out (dpkg.cfg.d, path-exclude), and no service runs on them.
_DOCUMENTS = re.compile(r"/usr/share/(doc|man|info|locale|lintian|gnome/help)/")
_CHUNK = 1 << 20


class Unsaid(Exception):  # reads as what happened
    """dpkg or apt did not say, or said something else than was asked. Nothing was changed."""


class Late(Unsaid):
    """It did not answer in time, so nothing is known."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it is installed.

    Attributes:
        name: As gate.json lists it.
        called: As dpkg calls it, without its architecture.
    """

    name: str
    called: str
    version: str
    architecture: str

    @property
    def file(self) -> str:
        """What apt calls its file."""
        version = self.version.replace(":", "%3a")
        return f"{self.called}_{version}_{self.architecture}.deb"

    def __str__(self) -> str:
        return f"{self.called} {self.version}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where package files lie.

    Attributes:
        archives: What apt has kept; only read.
        own: What is fetched for us.
    """

    archives: Path = Path("/var/cache/apt/archives")
    own: Path = Path("/var/lib/hale-gate/packages")


def installed(name: str, programs: Programs, seconds: float) -> Package:
    """Return how a package is installed.

    Raises:
        Unsaid: it is not, or only in part, or for more than one architecture.
    """
    shown = "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"
    text = _said(("dpkg-query", "--show", f"--showformat={shown}", name), programs, seconds)
    rows = [row.split(" ") for row in text.splitlines()]
    if len(rows) != 1 or len(rows[0]) != 4 or rows[0][0] != "installed":
        raise Unsaid(f"{name} is not installed, or not once: {text.strip()[:200]}")
    return Package(name, *rows[0][1:])


def damaged(name: str, programs: Programs, seconds: float) -> tuple[str, ...]:
    """Return the files of a package that are missing or other than dpkg put them, but for its configuration.

    Raises:
        Unsaid: dpkg does not say.
    """
    ran = _ran(("dpkg", "--verify", name), programs, seconds)
    if ran.code not in (0, 1) or ran.cut:
        raise Unsaid(f"dpkg --verify {name} ended with {ran.code}: {ran.last_line}")
    return parse(ran.output.decode("utf-8", "replace"))


def parse(text: str) -> tuple[str, ...]:
    """Read what `dpkg --verify` says.

    Raises:
        Unsaid: a line of another form; it says that something could not be asked.
    """
    found = []
    for row in text.splitlines():
        match = _VERIFIED.fullmatch(row)
        if match is None:
            raise Unsaid(f"dpkg --verify said: {row[:200]}")
        how, conffile, path = match.groups()
        wrong = how.startswith("missing") or how[2] not in "?."
        if wrong and conffile == " " and not _DOCUMENTS.match(path):
            found.append(path)
    return tuple(found)


def fetched(package: Package, places: Places, programs: Programs, seconds: float) -> Path:
    """Return a file of exactly this version that gives back what dpkg has noted of it, from apt's cache or sources.

    Raises:
        Unsaid: there is none, or it is another one.
    """
    noted, own = _noted(package, programs, seconds), places.own / package.file
    for file in (places.archives / package.file, own):
        if file.exists() and _differs(package, file, noted, programs, seconds) is None:
            return file
    try:
        places.own.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.unlink(missing_ok=True)  # apt takes one of the right length for the right one
    except OSError as error:
        raise Unsaid(f"{own}: {error.strerror}") from error
    wanted = f"{package.name}={package.version}"
    # It writes where it is started, whatever kind of source it has it from.
    words = ("env", f"--chdir={places.own}", "apt-get", "-q", "download", wanted)
    ran = _ran(words, programs, seconds)
    if ran.code != 0 or not own.exists():
        raise Unsaid(f"apt has no {wanted}: {_why(ran)}")
    if (said := _differs(package, own, noted, programs, seconds)) is not None:
        raise Unsaid(f"{own}: {said}")
    return own


def _why(ran: Ran) -> str:
    """Return apt's line that says why; warnings may come after it."""
    lines = ran.output.decode("utf-8", "replace").splitlines()
    return next((one for one in lines if one.startswith("E: ")), ran.last_line)


def _noted(package: Package, programs: Programs, seconds: float) -> Mapping[str, str]:
    """Return the checksum of each file of the installed package, by its path."""
    words = ("dpkg-query", "--control-show", package.name, "md5sums")
    return _sums(_said(words, programs, seconds))


def _sums(text: str) -> Mapping[str, str]:
    pairs = (row.split("  ", 1) for row in text.splitlines() if row.strip())
    try:
        return {path: digest for digest, path in pairs}
    except ValueError:
        raise Unsaid(f"no checksums but: {text[:80]!r}") from None


def _differs(
    package: Package, file: Path, noted: Mapping[str, str], programs: Programs, seconds: float
) -> str | None:
    """Return how a package file is not the one that is installed; None where it is.

    Raises:
        Late: nobody knows.
    """
    try:
        text = _said(("dpkg-deb", "--field", str(file)), programs, seconds)
        told = dict(row.split(": ", 1) for row in text.splitlines() if ": " in row)
        named = tuple(told.get(key, "") for key in ("Package", "Version", "Architecture"))
        if named != (package.called, package.version, package.architecture):
            return f"it is {' '.join(named)}"
        sums = _sums(_said(("dpkg-deb", "--info", str(file), "md5sums"), programs, seconds))
        if sums != noted:
            return "its checksums are not those that dpkg has noted"
        wrong = in_child(lambda: _contents(file, noted).encode(), seconds).decode()
    except Late:
        raise
    except Hung as error:
        raise Late(f"{file}: {error}") from error
    except (Unsaid, OSError) as error:
        return str(error)
    return wrong or None


def _contents(file: Path, noted: Mapping[str, str]) -> str:
    """Return which of the files in a package file has another checksum than was noted; empty for none."""
    command = ("dpkg-deb", "--fsys-tarfile", str(file))
    left = dict(noted)
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar,
    ):
        for member in tar:
            path = member.name.removeprefix("./")
            wanted = left.pop(path, None)
            content = tar.extractfile(member) if member.isreg() and wanted else None
            if content is not None and wanted != _digest(content):
                return f"its {path} has another checksum than was noted"
    if unpacking.returncode != 0:
        return "it cannot be unpacked"
    return f"it lacks {min(left)}" if left else ""


def _digest(content: IO[bytes]) -> str:
    # What dpkg has noted is MD5 (deb-md5sums(5)): against rot it is enough, and who can write here is root already.
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _said(argv: tuple[str, ...], programs: Programs, seconds: float) -> str:
    ran = _ran(argv, programs, seconds)
    if ran.code != 0 or ran.cut:
        raise Unsaid(f"{argv[0]} ended with {ran.code}: {ran.last_line}")
    return ran.output.decode("utf-8", "replace")


def _ran(argv: tuple[str, ...], programs: Programs, seconds: float) -> Ran:
    try:
        ran = programs(argv, seconds, SAID_BYTES)
    except NotStarted as error:
        raise Unsaid(str(error)) from error
    if ran.code is None:
        raise Late(f"{' '.join(argv[:2])} took longer than {seconds:.0f} s")
    return ran
