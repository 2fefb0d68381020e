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

RECIPE = 1
"""Raised by one whenever this module changes what a layer is."""

ENVIRONMENT = "/opt/hale"
GATE = "/usr/lib/hale/hale-gate.pyz"
_WHEELS = "/opt/wheelhouse"
_PIP_SECONDS = 300.0
_PROGRAMS = ("exporter", "healer", "gate")
"""Packages whose `systemd` directory holds units and sysusers.d files."""

UNITS = "/usr/lib/systemd/system"
_USERS = "/usr/lib/sysusers.d"


@dataclass(frozen=True, slots=True)
class Distribution:
    """What `make dist` made.

    Attributes:
        wheels: Hale's own wheel and all that it needs, for the node's Python.
        gate: The gate's zipapp.
        requirements: Pins with hashes of all but Hale's own wheel; None if there are none.
    """

    wheels: tuple[Path, ...]
    gate: Path
    requirements: Path | None

    @property
    def own(self) -> Path:
        """Hale's own wheel."""
        return next(wheel for wheel in self.wheels if wheel.name.startswith("hale_ha-"))

    def digest(self, base: str) -> str:
        """Return twelve hexadecimal digits that differ when the layer would.

        Args:
            base: Digest of the image's packages.
        """
        whole = hashlib.sha256(f"{base} {RECIPE}".encode())
        files = [*self.wheels, self.gate, *([self.requirements] if self.requirements else [])]
        for file in sorted(files):
            whole.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()[:12]


def distribution(directory: Path) -> Distribution:
    """Find what `make dist` made.

    Args:
        directory: `dist` of the checkout.

    Raises:
        LabError: Something is missing; the message says what.
    """
    wheels = tuple(sorted((directory / "wheelhouse").glob("*.whl")))
    own = [wheel for wheel in wheels if wheel.name.startswith("hale_ha-")]
    gate = directory / "hale-gate.pyz"
    if len(own) != 1 or not gate.is_file():
        raise LabError(
            f"{directory}: wanted wheelhouse/*.whl with exactly one hale_ha-*.whl (there are "
            f"{len(own)}) and hale-gate.pyz. Run `make dist`."
        )
    pins = directory / "wheelhouse" / "requirements.txt"
    return Distribution(wheels, gate, pins if pins.is_file() else None)


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
    for wheel in hale.wheels:
        tree.write(f"{_WHEELS}/{wheel.name}", wheel.read_bytes())
    inside = ("unshare", "--net", "--pid", "--fork", "--kill-child", "chroot", tree.root)
    python = f"{ENVIRONMENT}/bin/python"
    pip = (python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", _WHEELS,
           "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore")  # fmt: skip
    run(*inside, "/usr/bin/python3", "-m", "venv", ENVIRONMENT, timeout=_PIP_SECONDS)
    if hale.requirements is not None:
        tree.write(f"{_WHEELS}/requirements.txt", hale.requirements.read_bytes())
        pinned = ("--require-hashes", "--no-deps", "-r", f"{_WHEELS}/requirements.txt")
        run(*inside, *pip, *pinned, timeout=_PIP_SECONDS)
    own = f"{_WHEELS}/{hale.own.name}[healer,cluster]"
    run(*inside, *pip, own, timeout=_PIP_SECONDS)
    shutil.rmtree(tree.resolve(_WHEELS))
    tree.write(GATE, hale.gate.read_bytes(), mode=0o755)
    tree.link("/usr/bin/hale-gate", GATE)
    for name in ("hale-exporter", "hale-healer", "hale-cluster"):
        tree.link(f"/usr/bin/{name}", f"{ENVIRONMENT}/bin/{name}")
    for program in _PROGRAMS:
        _install_units(tree, program)
    run("systemd-sysusers", f"--root={tree.root}")


def _install_units(tree: Tree, program: str) -> None:
    """Copy the units and the users that came with the wheel to where systemd looks for them."""
    for site in tree.resolve(ENVIRONMENT).glob("lib/python3*/site-packages"):
        for file in sorted((site / program / "systemd").glob("*.*")):
            if file.name == "sysusers.conf":
                tree.write(f"{_USERS}/hale-{program}.conf", file.read_bytes())
            elif file.suffix in (".service", ".socket", ".timer"):
                tree.write(f"{UNITS}/{file.name}", file.read_bytes())
