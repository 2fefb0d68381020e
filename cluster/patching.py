"""How nodes are patched: one command that each gate runs, and nothing that anybody could add to it."""

from typing import Annotated

from cluster.fields import Block, Command, Period, between

LONGEST = 3000.0
"""Seconds. A gate takes no request that may last longer than an hour, and the rest is for its own steps."""


class Patching(Block):
    """What node.patch runs on each node.

    Attributes:
        command: Absolute path and arguments; ends with 0 where the node is patched.
        limit: Seconds after which it is ended, and counts as failed.
        reboot_limit: Seconds in which a node has to be back after its boot.
        reboot_check: Ends with 0 where the node has to boot anew; None where /run/reboot-required says so.
    """

    command: Command
    limit: Annotated[Period, between(1.0, LONGEST)] = 1800.0
    reboot_limit: Annotated[Period, between(1.0, LONGEST)] = 300.0
    reboot_check: Command | None = None
