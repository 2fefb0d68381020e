"""The file of those who may sign in on the web pages (`healer.users` in cluster.yml).

    users:
      alice: {role: operator, password: "scrypt$15$8$3$..."}
      bob: {role: viewer, password: "scrypt$15$8$3$..."}
      carol: {role: owner}    # lets in by a trusted proxy alone

Rule: a file that others can read or change, or that cannot be understood, lets nobody in.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from healer.adapters import passwords
from healer.adapters.private_file import PrivateFile
from healer.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""Of a user. A colon would end it in HTTP's basic authentication."""

MOST_BYTES = 256 * 1024

MOST_USERS = 1000


class Role(Enum):
    """What a user may do."""

    VIEWER = "viewer"  # sees everything, changes nothing
    OPERATOR = "operator"  # approves, denies, freezes, holds, adopts, retries, closes
    OWNER = "owner"  # besides what an operator does, lifts an owner's freeze, approves what is for owners, reloads

    @property
    def acts(self) -> bool:
        """Whether they may change anything."""
        return self is not Role.VIEWER


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign in.

    Attributes:
        password: None for one whom only a trusted proxy can let in.
    """

    name: str
    role: Role
    password: passwords.Hash | None


@dataclass(frozen=True, slots=True)
class UsersFile:
    """The users as one version of the file had them."""

    path: Path

    def version(self) -> tuple[int, ...] | None:
        """Return what changes when the file does; None where it cannot be looked at."""
        return self._file.version()

    def read(self) -> dict[str, User]:
        """Return the users by name.

        Raises:
            ConfigError: It cannot be used; the message says where, what was seen and what to do.
        """
        return parse(self._file.text(), str(self.path))

    @property
    def _file(self) -> PrivateFile:
        hint = ": see hale-healer passwd --help"
        return PrivateFile(self.path, most_bytes=MOST_BYTES, hint=hint)


def parse(text: str, path: str) -> dict[str, User]:
    """Return the users that a file's text names.

    Raises:
        ConfigError: As `UsersFile.read`.
    """
    try:
        # The tree alone: tags are not obeyed, and every scalar stays the text that it is.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else path
        raise ConfigError(
            f"{where}: it is no YAML: {getattr(exc, 'problem', None) or exc}"
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{path}: it is nested too deeply") from exc
    except (
        ValueError,
        OverflowError,
    ) as exc:  # an escape that is no character: PyYAML lets it pass
        raise ConfigError(f"{path}: it has a character that there is not: {exc}") from exc
    reader = _Reader(path)
    top = reader.mapping(root, "the file")
    reader.only(top, {"users"}, "the file")
    found = reader.mapping(top["users"][1], "users")
    if len(found) > MOST_USERS:
        raise ConfigError(f"{path}: users: {len(found)} of them, of {MOST_USERS}")
    return {name: reader.user(name, *nodes) for name, nodes in found.items()}


Pairs = Mapping[str, tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the tree of a file, and says where it is wrong."""

    path: str

    def user(self, name: str, key: yaml.Node, node: yaml.Node) -> User:
        if not NAME.fullmatch(name):
            raise self._wrong(
                key, f"users: {name[:80]!r} is no name: letters, digits, and ._@- between them"
            )
        fields = self.mapping(node, f"users.{name}")
        self.only(fields, {"role"}, f"users.{name}", may={"password"})
        role = self._text(fields["role"][1], f"users.{name}.role")
        known = {one.value: one for one in Role}
        if role not in known:
            raise self._wrong(
                fields["role"][1], f"users.{name}.role: {role[:80]!r} is none of {', '.join(known)}"
            )
        if "password" not in fields:
            return User(name, known[role], None)
        line = fields["password"][1]
        try:
            kept = passwords.parse(self._text(line, f"users.{name}.password"))
        except ValueError as exc:
            raise self._wrong(line, f"users.{name}.password: {exc}") from exc
        return User(name, known[role], kept)

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(
                node, f"{what}: it has to be a mapping, see hale-healer passwd --help"
            )
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            name = self._text(key, what)
            if name in found:
                raise self._wrong(key, f"{what}: {name[:80]!r} stands there twice")
            found[name] = (key, value)
        return found

    def only(self, fields: Pairs, names: set[str], what: str, may: Set[str] = frozenset()) -> None:
        for name, (key, _) in fields.items():
            if name not in names | may:
                known = ", ".join(sorted(names | may))
                raise self._wrong(key, f"{what}: unknown key {name[:80]!r}; known: {known}")
        for name in sorted(names - set(fields)):
            raise ConfigError(f"{self.path}: {what}: {name} is missing")

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, f"{what}: it has to be text")
        return str(node.value)

    def _wrong(self, node: yaml.Node | None, what: str) -> ConfigError:
        if node is None:
            return ConfigError(f"{self.path}: {what}")
        mark = node.start_mark
        return ConfigError(f"{self.path}:{mark.line + 1}:{mark.column + 1}: {what}")
