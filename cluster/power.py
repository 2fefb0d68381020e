"""Power devices: what can cut a node's power, through which agent, and on whose gates.

Rule: what only the fencing hosts may know stands in a file there, and never in cluster.yml or gate.json.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.json_schema import SkipJsonSchema

from cluster.fields import NOT_EMPTY, Block, File, Flag, Name, Period, between

# fence-agents' FenceAgentAPI.md, "Agent Operations and Return Values": options are name=value lines.
OPTION_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"
PLUG = "plug"

# What the gate says itself, what would write secrets into a log, and what runs a command of a shell.
_GATES_OWN = frozenset({"action", "option", "nodename", "port", PLUG, "method"})
_TELLTALE = frozenset({"debug", "debug-file", "verbose", "verbose-level"})
_SECRET = re.compile(
    r"pass(wd|word)?\b|pass(wd|word)|\bpwd\b|secret|token|community|session-hash|credential|(api|access)-?key"
)

# Controllers inside of what they cut, or on its feed; of fence-agents 4.12.1.
BOARDS = re.compile(r"fence_(ipmilan(plus)?|idrac|drac5?|ilo[0-9a-z_]*|imm|rsa|rsb|amt|redfish)")


def _option(name: str) -> str:
    plain = name.replace("_", "-")
    if re.fullmatch(OPTION_PATTERN.strip("^$"), name) is None:
        raise ValueError(
            f"{name!r} is no option of an agent. Write it as `AGENT -o metadata` has it."
        )
    if plain in _GATES_OWN:
        raise ValueError(f"{name} is the gate's to say. Leave it out; plugs stand under `plugs`.")
    if plain in _TELLTALE:
        raise ValueError(f"{name} would write secrets into a log. Leave it out.")
    if plain.endswith("-script"):
        raise ValueError(
            f"{name} would run a command as root. Write what it prints into `secrets`."
        )
    if _SECRET.search(plain):
        raise ValueError(
            f"{name} is for the fencing hosts alone. Write it into the file that `secrets` names, there."
        )
    return name


def _value(text: str) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > 1000:
        raise ValueError(
            "this must be one line of text, at most 1000 characters, without blanks around it."
        )
    return text


Option = Annotated[
    str, AfterValidator(_option), Field(json_schema_extra={"pattern": OPTION_PATTERN})
]
Value = Annotated[str, AfterValidator(_value), Field(json_schema_extra={"minLength": 1})]


class PowerDevice(Block):
    """What cuts the power of nodes, by one of fence-agents' programs.

    Attributes:
        agent: The program, on each fencing host.
        hosts: The nodes whose gates may use it.
        options: What the agent is told, but for secrets.
        secrets: A file of more options on the fencing hosts, root's alone; None where the device asks for none.
        plugs: The outlet, or the virtual machine, of each node; needed where the device has several.
        own_feed: Whether it dies with the power of what it cuts; None to tell it by the agent's name.
        off_within: Seconds that the agent may take to cut the power.
        status_within: Seconds that it may take to say how the power is. A healer waits for a gate for 5 s.
    """

    name: SkipJsonSchema[Name]
    agent: File
    hosts: Annotated[tuple[Name, ...], NOT_EMPTY]
    options: Mapping[Option, Value] = {}
    secrets: File | None = None
    plugs: Mapping[Name, Value] = {}
    own_feed: Flag | None = None
    off_within: Annotated[Period, between(1.0, 600.0)] = 30.0
    status_within: Annotated[Period, between(0.5, 4.0)] = 3.0

    @property
    def on_own_feed(self) -> bool:
        """Whether nobody can ask it once its node has lost its power."""
        board = BOARDS.fullmatch(self.agent.rpartition("/")[2]) is not None
        return board if self.own_feed is None else self.own_feed

    def told(self, node: str) -> Mapping[str, str]:
        """Return the agent's options for one node, but for secrets."""
        plug = {PLUG: self.plugs[node]} if node in self.plugs else {}
        return {**self.options, **plug}
