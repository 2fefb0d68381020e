"""A Debian below a folder: real dpkg and apt-get with a database of their own, and package files that are made here."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

FILES = {
    "usr/sbin/site": b"\x7fELF" + bytes(range(256)) * 64,
    "usr/lib/site/module.so": b"module" * 4000,
    "usr/share/doc/site/copyright": b"free\n",
    "etc/site.conf": b"workers 1\n",
}
CONFFILES = ("etc/site.conf",)

_WRAPPERS = {
    "dpkg": 'exec /usr/bin/dpkg --root={root} --force-not-root "$@"',
    "dpkg-query": 'exec /usr/bin/dpkg-query --admindir={root}/var/lib/dpkg "$@"',
    "apt-get": "exec /usr/bin/apt-get -o Dir::State={root}/var/lib/apt -o Dir::Etc={root}/etc/apt"
    " -o Dir::State::status={root}/var/lib/dpkg/status -o Dir::Cache={root}/var/cache/apt"
    ' -o APT::Sandbox::User= "$@"',
    "systemd-run": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
}


@dataclass(frozen=True)
class Debian:
    """One machine's packages.

    Attributes:
        home: Everything lies below it; `bin` comes first in PATH.
    """

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "root"

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    @property
    def archives(self) -> Path:
        return self.root / "var/cache/apt/archives"

    @property
    def source(self) -> Path:
        return self.home / "source"

    def make(self) -> None:
        """Install nothing yet, and have no source."""
        for folder in (
            "var/lib/dpkg/updates",
            "var/lib/dpkg/info",
            "var/lib/apt",
            "etc/apt/preferences.d",
        ):
            (self.root / folder).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        for folder in (self.archives, self.bin, self.source):
            folder.mkdir(parents=True)
        for name, line in _WRAPPERS.items():
            self.wrap(name, line.format(root=self.root))

    def wrap(self, name: str, line: str) -> None:
        """Put a program in front of the machine's own."""
        (self.bin / name).write_text(f"#!/bin/sh\n{line}\n")
        (self.bin / name).chmod(0o755)

    def build(self, name: str, version: str = "1:2.0-1", files: dict[str, bytes] = FILES) -> Path:
        """Make a package file."""
        tree = self.home / f"build-{name}-{version}"
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: nobody <n@o.invalid>\nDescription: d\n"
        )
        sums = [
            f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}  {path}\n"
            for path, content in files.items()
            if path not in CONFFILES
        ]
        (tree / "DEBIAN/md5sums").write_text("".join(sums))
        if kept := [path for path in CONFFILES if path in files]:
            (tree / "DEBIAN/conffiles").write_text("".join(f"/{path}\n" for path in kept))
        made = self.home / f"{name}_{version.replace(':', '%3a')}_all.deb"
        _run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(made))
        return made

    def install(self, *files: Path) -> None:
        """Install package files, as dpkg does."""
        _run(str(self.bin / "dpkg"), "--install", *map(str, files))

    def offer(self, file: Path) -> None:
        """Let apt have a package file from a source."""
        data = file.read_bytes()
        (self.source / file.name.replace("%3a", "_")).write_bytes(data)
        control = _run("dpkg-deb", "--field", str(file)).strip()
        named = f"Filename: ./{file.name.replace('%3a', '_')}\nSize: {len(data)}\n"
        digest = f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        with (self.source / "Packages").open("a") as index:
            index.write(f"{control}\n{named}{digest}\n")
        (self.root / "etc/apt/sources.list").write_text(
            f"deb [trusted=yes] file:{self.source} ./\n"
        )
        _run(str(self.bin / "apt-get"), "-q", "update")

    def at(self, path: str) -> Path:
        """Return where a file of the machine lies."""
        return self.root / path


def flip(file: Path) -> None:
    """Change one bit in the middle of a file, and no time of it that one can set."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
