"""A power controller of one node, with an agent that is a program of its own, and a healer that asks for its use."""

from pathlib import Path
from typing import Any

from gate.listed import FenceRule
from tests.gate.fakes import World
from tests.gate.healers import OWNER
from tests.gate.test_session import ask, request

AGENT = Path(__file__).parent / "bin" / "fence_file"
PASSWORD = "correct horse"


class Device:
    """A power controller of one node, and the rule by which the gate uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "device"
        self.folder.mkdir()
        self.secrets = folder / "secrets"
        self.secrets.write_text(f"# for the board\npasswd={PASSWORD}\n")
        self.secrets.chmod(0o600)
        self.set(power="on", mode="obeys")

    def set(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text)

    @property
    def power(self) -> str:
        return (self.folder / "power").read_text()

    @property
    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def rule(self) -> FenceRule:
        options = (("device_folder", str(self.folder)), ("plug", "7"))
        return FenceRule("pdu", str(AGENT), options, str(self.secrets), 5.0, 2.0)


def fence(world: World, number: int = 1, verb: str = "node.fence", **changes: Any) -> Any:
    """Let a healer ask for it; return the last line."""
    args = {"node": "db1", "owner": OWNER} | changes.pop("args", {})
    told = {"expect": {"boot_id": str(world.clock.boot_id())}, "deadline_seconds": 30} | changes
    world.clock.pass_seconds(600)
    return ask(world, request(world, number, verb=verb, args=args, **told))[-1]


def state(said: Any) -> tuple[str, str]:
    return said["state"], said["reason"]
