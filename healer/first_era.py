"""Which era a new journal begins with: above the highest that any gate has obeyed.

Gates refuse lower tokens. A journal that began too low would find its orders refused; one that
reuses an era could be taken for the old one.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from healer.errors import ConfigError, Unreachable
from healer.ports import Gates


@dataclass(frozen=True, slots=True)
class Heard:
    """What the gates say of the tokens that they have obeyed.

    Attributes:
        highest: The highest era; 0 where none has obeyed any.
        silent: Nodes whose gate did not answer, each with why.
    """

    highest: int
    silent: tuple[tuple[str, str], ...]


async def hear(gates: Gates, nodes: Iterable[str]) -> Heard:
    """Ask every gate; nothing is written on any node."""
    names = tuple(nodes)
    answers = await asyncio.gather(*(_era(gates, name) for name in names))
    silent = tuple(
        (name, answer)
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, str)
    )
    return Heard(max((one for one in answers if isinstance(one, int)), default=0), silent)


def initial_era(heard: Heard, wanted: int | None) -> int:
    """Return the era of a new journal.

    Args:
        heard: What the gates say.
        wanted: A person's choice; None for the lowest that is safe.

    Raises:
        ConfigError: It is not above what a gate has obeyed, or a gate is silent and nobody chose.
    """
    if wanted is not None:
        if wanted <= heard.highest:
            msg = (
                f"store init: a gate has obeyed era {heard.highest}, so it would refuse era {wanted}: "
                f"use --era {heard.highest + 1} or more"
            )
            raise ConfigError(msg)
        return wanted
    if heard.silent:
        who = "; ".join(f"{name}: {why}" for name, why in heard.silent)
        msg = (
            f"store init: these gates do not answer, and one of them may have obeyed a higher era than "
            f"{heard.highest}: {who}. Bring them back, or choose an era above every one that this cluster "
            f"ever had: --era N (never used before: --era 1)"
        )
        raise ConfigError(msg)
    return heard.highest + 1


async def _era(gates: Gates, node: str) -> int | str:
    try:
        look = await gates.look(node, [])
    except Unreachable as exc:
        return str(exc) or "no answer"
    return look.highest_token[0] if look.highest_token is not None else 0
