"""Reading and writing files below a root that belongs to a node.

The rule: a link inside the root is followed as the node itself would follow it, so nothing that
a node has in its file system can make the lab touch a file of the host.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.ports import LabError

_LINKS = 40
"""Links in one path before we give up, as the kernel does (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that is some node's /."""

    root: Path

    def resolve(self, path: str | PurePosixPath) -> Path:
        """Return where `path` leads on the host, with all links but a last one followed.

        Raises:
            LabError: The path is not absolute, or its links go in a circle.
        """
        if not str(path).startswith("/"):
            raise LabError(f"{path}: wanted an absolute path of the node")
        waiting = [part for part in reversed(PurePosixPath(path).parts) if part != "/"]
        here: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                here = here[:-1]
                continue
            place = self.root.joinpath(*here, part)
            if waiting and place.is_symlink():
                links += 1
                if links > _LINKS:
                    raise LabError(f"{path}: more than {_LINKS} links; one leads to itself")
                target = PurePosixPath(place.readlink())
                here = [] if target.is_absolute() else here
                waiting += [step for step in reversed(target.parts) if step != "/"]
            else:
                here.append(part)
        return self.root.joinpath(*here)

    def follow(self, path: str | PurePosixPath) -> Path:
        """Return where `path` leads with a last link followed too."""
        place = self.resolve(path)
        for _ in range(_LINKS):
            if not place.is_symlink():
                return place
            target = place.readlink()
            inside = PurePosixPath("/", *place.parent.relative_to(self.root).parts, target)
            place = self.resolve(inside)
        raise LabError(f"{path}: more than {_LINKS} links; one leads to itself")

    def read(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            FileNotFoundError: There is none.
        """
        return self.follow(path).read_bytes()

    def exists(self, path: str) -> bool:
        """Tell whether there is something at `path`."""
        return os.path.lexists(self.resolve(path))

    def write(
        self,
        path: str | PurePosixPath,
        content: bytes | str,
        *,
        mode: int = 0o644,
        owner: str = "root",
    ) -> None:
        """Write a whole file at once, with its directories, in place of whatever was there.

        Args:
            path: Absolute on the node.
            content: Text is written as UTF-8.
            mode: Permission bits.
            owner: A user of the node's /etc/passwd; its first group comes along.
        """
        place = self.follow(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.chmod(mode)
        os.chown(beside, *self.owner(owner))
        beside.rename(place)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link at `path`, in place of whatever file was there."""
        place = self.resolve(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def directory(self, path: str, *, mode: int = 0o755, owner: str = "root") -> None:
        """Make a directory, or give one that is there this mode and owner."""
        place = self.follow(path)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
        os.chown(place, *self.owner(owner))

    def owner(self, name: str) -> tuple[int, int]:
        """Return the user id and first group id that a name has on the node.

        Raises:
            LabError: The node knows no such user.
        """
        if name == "root":
            return 0, 0
        for line in self.read("/etc/passwd").decode().splitlines():
            match line.split(":"):
                case [user, _, uid, gid, *_] if user == name:
                    return int(uid), int(gid)
        raise LabError(f"{self.root}/etc/passwd: no user {name}; is its sysusers.d file installed?")
