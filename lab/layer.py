"""What Hale adds to the image: /opt/hale, the gate, the units and their users.

Made once per image and wheelhouse, in a root of its own without network, by the node's own
Python; laid between the image and each node's disk.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import image
from lab.commands import run
from lab.names import Place
from lab.ports import LabError
from lab.tree import Tree

RECIPE = 2
"""Raised by one whenever this module changes what a layer is."""

UNITS = "/usr/lib/systemd/system"
"""Where install.sh puts them."""

_DIST = "/opt/dist"
_INSTALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """What `make dist` made.

    Attributes:
        directory: `dist` of the checkout.
        files: The wheels with their pins, the zipapps and install.sh.
    """

    directory: Path
    files: tuple[Path, ...]

    def digest(self, base: str) -> str:
        """Return twelve hexadecimal digits that differ when the layer would.

        Args:
            base: Digest of the image's packages.
        """
        whole = hashlib.sha256(f"{base} {RECIPE}".encode())
        for file in self.files:
            whole.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()[:12]


def distribution(directory: Path) -> Distribution:
    """Find what `make dist` made.

    Args:
        directory: `dist` of the checkout.

    Raises:
        LabError: Something is missing; the message says what.
    """
    wheels = directory / "wheelhouse"
    files = [directory / name for name in ("install.sh", "hale-gate.pyz", "hale-backup.pyz")]
    files.append(wheels / "requirements.txt")
    own = len(list(wheels.glob("hale_ha-*.whl")))
    missing = [str(file.relative_to(directory)) for file in files if not file.is_file()]
    if own != 1 or missing:
        raise LabError(
            f"{directory}: wanted wheelhouse/ with exactly one hale_ha-*.whl (there are {own}), and beside "
            f"the wheels what install.sh takes ({', '.join(missing) or 'nothing'} is missing). Run `make dist`."
        )
    return Distribution(directory, tuple(sorted([*files, *wheels.glob("*.whl")])))


def ensure(place: Place, recipe: image.Recipe, hale: Distribution) -> Path:
    """Return the layer, made now if there is none; that takes about half a minute.

    Raises:
        LabError: Hale could not be installed into the image. The cache is as before.
    """
    base = image.path(place, recipe)
    # An image built anew may have other users in /etc/passwd, of which the layer has a copy.
    packages = hashlib.sha256(Tree(base).read("/var/lib/dpkg/status")).hexdigest()
    layer = place.cache / f"hale-{hale.digest(packages)}"
    if layer.is_dir():
        os.utime(layer)
        return layer
    upper, work, merged = (place.workshop / name for name in ("upper", "work", "merged"))
    for directory in (upper, work, merged):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o755)
    options = f"lowerdir={base},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "halelab-workshop", "-o", options, merged)
    try:
        _install(Tree(merged), hale)
    finally:
        run("umount", merged)
    image.settle(upper, layer)
    image.prune(place, "hale-*", image.KEEP)
    return layer


def _install(tree: Tree, hale: Distribution) -> None:
    """Let install.sh do on the node what it does on everybody's."""
    for file in hale.files:
        tree.write(f"{_DIST}/{file.relative_to(hale.directory)}", file.read_bytes())
    inside = ("unshare", "--net", "--pid", "--fork", "--kill-child", "chroot", tree.root)
    run(*inside, "/bin/sh", f"{_DIST}/install.sh", timeout=_INSTALL_SECONDS)
    shutil.rmtree(tree.resolve(_DIST))
