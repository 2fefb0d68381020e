"""YAML and JSON as render writes them: the same bytes for the same content, always.

Rule: a text that any reader of YAML 1.1 or 1.2 could take for something else is quoted.
"""

import json
import re
from typing import Any

import yaml

HEADER = "# Written by hale-cluster render from cluster.yml. Edit that and render again.\n"
FRAGMENT = """\
# For whoever owns the program's own configuration: include this file, or take over what is in it.
# With `manage: true` in cluster.yml the whole configuration is written.
"""

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*|[0-9]+(ms|s|m|h|d)", re.ASCII)
# Every word that YAML 1.1 or 1.2 reads as something other than text.
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class _Dumper(yaml.SafeDumper):
    """Block style, lists set in under their key, no references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style: str | None = '"'
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        style = None
    elif '"' in text and text.isprintable():
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(content: Any) -> str:
    """Write content in the order that it has, under a header that names its origin."""
    body = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, indent=2
    )
    return HEADER + str(body)


def json_text(content: Any) -> str:
    """Write content in the order that it has, with two spaces of indentation."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def number(value: float) -> int | float:
    """Write a whole number of seconds without its fraction."""
    return int(value) if value == int(value) else value
