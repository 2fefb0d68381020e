"""The root file system that all nodes share: Debian's packages, made once and kept.

An image is a directory in the cache, named by the hash of what it was made from. It is built
elsewhere and moved into place when it is whole, and nothing writes to it after that.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run
from lab.names import Place
from lab.ports import LabError
from lab.tree import Tree

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "libpam-systemd",
    "nftables",
    "nginx-light",
    "openssh-client",
    "openssh-server",
    "procps",
    "prometheus",
    "prometheus-alertmanager",
    "psmisc",
    "python3",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
)
"""What every node has installed; what runs on it, its scenario says."""

RECIPE = 2
"""Raised by one whenever `_finish` changes what an image is."""

BUILD_SECONDS = 1500.0
KEEP = 8
"""Images of a kind that stay in the cache."""

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_STARTS_BY_ITSELF = frozenset({"dbus.service", "ssh.service", "systemd-networkd.service"})
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made from.

    Attributes:
        packages: Debian packages; order and repetition do not matter.
        suite: Debian's release.
    """

    packages: tuple[str, ...] = PACKAGES
    suite: str = SUITE

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that differ when the image would."""
        listed = "\n".join((self.suite, str(RECIPE), *sorted(set(self.packages))))
        return hashlib.sha256(listed.encode()).hexdigest()[:12]


def path(place: Place, recipe: Recipe) -> Path:
    """Return where the image is, or will be."""
    return place.cache / f"base-{recipe.digest}"


def ensure(place: Place, recipe: Recipe) -> Path:
    """Return the image, built now if there is none; that takes two to five minutes.

    Raises:
        LabError: The packages could not be fetched or installed. The cache is as before.
    """
    image = path(place, recipe)
    if image.is_dir():
        os.utime(image)
        return image
    place.workshop.mkdir(parents=True, exist_ok=True)
    building = place.workshop / "base"
    sources = place.workshop / "sources.list"
    sources.write_text(debian_sources(_host_sources(), recipe.suite))
    shutil.rmtree(building, ignore_errors=True)
    command = ("mmdebstrap", *_options(recipe), recipe.suite, str(building), str(sources))
    # Its scratch files go into the workshop too, which `down` removes if it is killed.
    run("env", f"TMPDIR={place.workshop}", *command, timeout=BUILD_SECONDS)
    _finish(Tree(building))
    settle(building, image)
    prune(place, "base-*", KEEP)
    return image


def settle(built: Path, final: Path) -> None:
    """Move a directory that is whole into the cache; where another lab was faster, use its work."""
    os.sync()
    try:
        built.rename(final)
    except OSError as error:
        if not final.is_dir():
            raise LabError(f"{final}: could not move the image there: {error.strerror}") from error


def prune(place: Place, pattern: str, keep: int) -> None:
    """Remove images that were not used for longest, but never one that a lab has mounted.

    Args:
        place: Whose cache.
        pattern: Which of them, such as `hale-*`.
        keep: How many stay.
    """
    mounts = Path("/proc/mounts").read_text()
    by_use = sorted(place.cache.glob(pattern), key=lambda path: path.stat().st_mtime)
    for old in by_use[: max(0, len(by_use) - keep)]:
        if str(old) not in mounts:
            shutil.rmtree(old, ignore_errors=True)


def debian_sources(texts: tuple[str, ...], suite: str) -> str:
    """Return apt sources, one line each, for Debian's own archive as this host reaches it.

    Args:
        texts: The host's .sources files (deb822). Those of other archives are left out: nodes
            are plain Debian.
        suite: Debian's release.
    """
    lines = [
        f"deb {uri} {name} main"
        for text in texts
        for stanza in text.split("\n\n")
        for uri, names in [_debian(stanza)]
        for name in names
        if uri and name.split("-")[0] == suite
    ]
    if not any(line.endswith(f" {suite} main") for line in lines):
        lines = [
            f"deb http://deb.debian.org/debian {suite} main",
            f"deb http://deb.debian.org/debian {suite}-updates main",
            f"deb http://deb.debian.org/debian-security {suite}-security main",
        ]
    return "\n".join(lines) + "\n"


def _debian(stanza: str) -> tuple[str, list[str]]:
    """Return the first URI and the suites of a deb822 stanza, empty if it is not Debian's."""
    fields = {
        name.strip().lower(): value.strip()
        for line in stanza.splitlines()
        if ":" in line and not line.startswith("#")
        for name, value in [line.split(":", 1)]
    }
    signed, uris = fields.get("signed-by", ""), fields.get("uris", "").split()
    debian = signed == _KEYRING and "deb" in fields.get("types", "").split()
    if not debian or not uris or "main" not in fields.get("components", "").split():
        return "", []
    return uris[0], fields.get("suites", "").split()


def _host_sources() -> tuple[str, ...]:
    return tuple(
        file.read_text(errors="replace")
        for file in sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    )


def _options(recipe: Recipe) -> list[str]:
    return [
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(sorted(set(recipe.packages)))}",
        '--aptopt=Apt::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
    ]


def _finish(tree: Tree) -> None:
    """Take out what differs between nodes, and what Debian starts that no scenario asked for."""
    for name in ("/etc/hostname", "/etc/resolv.conf", "/usr/sbin/policy-rc.d"):
        tree.resolve(name).unlink(missing_ok=True)
    for key in tree.resolve("/etc/ssh").glob("ssh_host_*"):
        key.unlink()
    tree.write("/etc/machine-id", "")
    for link in tree.resolve("/etc/systemd/system").glob("*.wants/*"):
        if link.name not in _STARTS_BY_ITSELF:
            link.unlink()
    tree.directory("/data")
    tree.directory("/etc/hale")
