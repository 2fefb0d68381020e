"""package.damage: a file that a package brought has another byte than dpkg has noted."""

from dataclasses import dataclass

from lab.faults import originals
from lab.faults.fault import run
from lab.ports import Lab

ARCHIVES = "/var/cache/apt/archives"

# A node has no source of packages and no documents, so the package is made anew of what is installed, installed once in
# the place of Debian's own, so that dpkg has noted it, and left where apt keeps what it has fetched.
_PACK = r"""
umask 022
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
tree=$work/tree; mkdir -p "$tree/DEBIAN"
dpkg-query --listfiles "$1" | while read -r one; do
  if [ -f "$one" ] || [ -L "$one" ]; then echo "$one"; fi
done | sed 's,^/,,' >"$work/files"
tar --create --directory=/ --files-from="$work/files" | tar --extract --directory="$tree"
dpkg-query --status "$1" | sed '/^Status: /d' >"$tree/DEBIAN/control"
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum) >"$work/md5sums"
mv "$work/md5sums" "$tree/DEBIAN/md5sums"
field() { sed -n "s/^$1: //p" "$tree/DEBIAN/control"; }
name=$(field Package)_$(field Version | sed 's/:/%3a/')_$(field Architecture).deb
dpkg-deb --root-owner-group -Zgzip --build "$tree" "$2/$name" >/dev/null
dpkg --install "$2/$name" >/dev/null
"""
_FLIP = (
    "import os,shutil,sys; p=sys.argv[1]; n=p+'.hale-lab'; shutil.copy2(p,n); f=open(n,'r+b'); "
    "f.seek(os.path.getsize(n)//2); b=f.read(1); f.seek(-1,1); f.write(bytes([b[0]^1])); f.close(); os.replace(n,p)"
)


@dataclass(frozen=True, slots=True)
class PackageDamage:
    """One bit in the middle of a file; what runs of it goes on with what it has.

    Attributes:
        package: Whose file, which has no configuration files of its own.
        path: Which file.
    """

    node: str
    package: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Keep the file, let apt have the package, and flip the bit."""
        originals.keep(lab, self.node, self.path)
        run(lab, self.node, ["/bin/sh", "-ec", _PACK, "sh", self.package, ARCHIVES], timeout=60)
        run(lab, self.node, ["/usr/bin/python3", "-c", _FLIP, self.path])
        return f"{self.node}: one bit of {self.path} is another one"

    def undo(self, lab: Lab) -> None:
        """Put the file back as it was, and forget the package file."""
        originals.put_back(lab, self.node, self.path)
        forget = ["/bin/sh", "-c", 'rm -f "$2/$1"_*.deb', "sh", self.package, ARCHIVES]
        run(lab, self.node, forget)
