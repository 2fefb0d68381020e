"""cluster.yml from text to a Cluster, or every reason why not.

Rule: whatever is in the file, the outcome is a Cluster or ConfigErrors and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cluster.coherence import judge
from cluster.defaults import NAMED, complete
from cluster.document import MAX_BYTES, Document, parse
from cluster.errors import ConfigErrors, Path, Problem, did_you_mean
from cluster.fields import Block
from cluster.model import Cluster


@dataclass(frozen=True, slots=True)
class Loaded:
    """A cluster and the text that it came from."""

    cluster: Cluster
    document: Document


def load(path: str | FilePath) -> Cluster:
    """Read a cluster.yml.

    Raises:
        ConfigErrors: it cannot be read, or something in it is wrong; all mistakes at once.
    """
    return read(path).cluster


def loads(text: str | bytes, name: str = "cluster.yml") -> Cluster:
    """Read the text of a cluster.yml; `name` stands in its errors.

    Raises:
        ConfigErrors: something in it is wrong; all mistakes at once.
    """
    return interpret(text, name).cluster


def read(path: str | FilePath) -> Loaded:
    """Read a cluster.yml and keep its text, for what points into it.

    Raises:
        ConfigErrors: as `load`.
    """
    name = str(path)
    try:
        with FilePath(path).open("rb") as file:
            # One byte more than allowed, so that an endless file ends here and is refused.
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"cannot be read: {reason}."
        raise ConfigErrors([Problem(name, 1, 1, (), message)]) from error
    return interpret(data, name)


def interpret(text: str | bytes, name: str) -> Loaded:
    """Turn text into a cluster and keep the text.

    Raises:
        ConfigErrors: as `loads`.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    document = parse(data, name)
    problems = [*document.problems, *judge(document), *_named(document)]
    try:
        cluster = Cluster.model_validate(complete(document.value))
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += [_problem(document, detail) for detail in details if not _from_key(detail)]
    if problems:
        raise ConfigErrors(problems)
    return Loaded(cluster, document)


def _named(document: Document) -> list[Problem]:
    """Find entries that carry a `name`: it would hide behind the one from their key."""
    return [
        document.problem(path, f"unknown key 'name': {path[1]!r} is the name.", "Remove it.")
        for path in document.positions
        if len(path) == 3 and path[0] in NAMED and path[2] == "name"
    ]


def _from_key(detail: ErrorDetails) -> bool:
    """Tell a mistake in a name that was made from a key; the key itself is reported already."""
    loc = detail["loc"]
    return len(loc) == 3 and loc[0] in NAMED and loc[2] == "name"


def _problem(document: Document, detail: ErrorDetails) -> Problem:
    of_key = detail["loc"][-1:] == ("[key]",)
    path: Path = detail["loc"][:-1] if of_key else detail["loc"]
    seen = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            remedy = did_you_mean(str(path[-1]), _known_keys(path[:-1]))
            return document.problem(path, f"unknown key {path[-1]!r}.", remedy)
        case "missing":
            return document.problem(path, "is missing.", f"Add `{path[-1]}:`.")
        case "enum":
            kind = _key_type_at(path) if of_key else _type_at(path)
            word = did_you_mean(str(seen), [str(member.value) for member in kind])
            what = kind.__name__.lower()
            return document.problem(path, f"unknown {what} {_short(seen)}.", word)
        case "value_error":
            return document.problem(path, str(detail["ctx"]["error"]))
        case other:
            return document.problem(path, _WANTED.get(other, _plain(detail)).format(_short(seen)))


_WANTED = {
    "string_type": "{} is not text. Put it in quotes if it is meant.",
    "int_type": "{} is not a whole number.",
    "bool_type": "{} is neither true nor false.",
    "float_type": "{} is not a number.",
    "float_parsing": "{} is not a number.",
    "finite_number": "{} is not a finite number.",
    "model_type": "{} is not a mapping of keys.",
    "mapping_type": "{} is not a mapping of keys.",
    "dict_type": "{} is not a mapping of keys.",
    "tuple_type": "{} is not a list.",
}


def _plain(detail: ErrorDetails) -> str:
    message = detail["msg"].replace("{", "(").replace("}", ")")
    return f"{message[:1].lower()}{message[1:]}, not {{}}."


def _short(seen: object) -> str:
    """Write what was seen so that it fits a line."""
    if seen is None:
        return "nothing"
    if isinstance(seen, bool):
        return str(seen).lower()
    if isinstance(seen, Mapping):
        return "a mapping"
    if isinstance(seen, list | tuple):
        return "a list"
    text = repr(seen)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(path: Path) -> list[str]:
    block = _type_at(path)
    if not (isinstance(block, type) and issubclass(block, Block)):
        return []
    keys = [field.alias or name for name, field in block.model_fields.items()]
    return [key for key in keys if key != "name"]


def _key_type_at(path: Path) -> Any:
    """Return the type of the keys of the mapping that a path's last part is a key of."""
    return _bare(get_args(_type_at(path[:-1]))[0])


def _type_at(path: Path) -> Any:
    """Follow a path through the models' annotations to the type that belongs there."""
    here: Any = Cluster
    for part in path:
        if isinstance(here, type) and issubclass(here, Block):
            fields = {field.alias or name: field for name, field in here.model_fields.items()}
            here = _bare(fields[str(part)].annotation) if str(part) in fields else None
        elif get_origin(here) is tuple:
            here = _bare(get_args(here)[0])
        else:
            # The key of a mapping is told under its own path, the value's type is the last one.
            here = _bare(get_args(here)[-1]) if get_args(here) else None
    return here


def _bare(annotation: Any) -> Any:
    """Strip Annotated and Optional from a type."""
    while True:
        arguments = [a for a in get_args(annotation) if a is not type(None)]
        optional = type(None) in get_args(annotation) and len(arguments) == 1
        if not optional and not hasattr(annotation, "__metadata__"):
            return annotation
        annotation = arguments[0]
