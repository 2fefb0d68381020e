"""A lab that keeps a diary, and a clock that only moves when someone waits."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.ports import Completed, LabError

ROOT = Path(__file__).parents[3]
SCENARIO = ROOT / "scenarios" / "first"
NODES = ("mon1", "web1", "web2")


@dataclass
class FakeClock:
    """Virtual time; things can be planned for a moment of it."""

    time: float = 1000.0
    plans: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        for at, action in sorted(self.plans, key=lambda plan: plan[0]):
            if at <= until:
                self.plans.remove((at, action))
                self.time = max(self.time, at)
                action()
        self.time = until

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.plans.append((self.time + seconds, action))


@dataclass
class FakeProcess:
    diary: list[str]
    name: str
    pid: int = 1

    def running(self) -> bool:
        return True

    def stop(self, timeout: float = 5.0) -> int:
        self.diary.append(f"stopped {self.name}")
        return 0


@dataclass
class FakeLab:
    """Answers what a sound cluster would; every change is one line of the diary.

    Attributes:
        wrong: Commands that fail, by a word in them.
        entries: What each gate's status lists.
        probe: What the snapshot's probe prints, by node.
    """

    directory: Path
    diary: list[str] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    nodes: tuple[str, ...] = NODES
    scenario: Path = SCENARIO
    wrong: dict[str, Exception | Completed] = field(default_factory=dict)
    entries: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    probe: dict[str, object] = field(
        default_factory=lambda: {"files": {"/etc/hosts": "aa"}, "units": {}, "addresses": []}
    )
    wrong_on_host: Completed | None = None
    active: str = "active"
    answers: dict[str, str] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    on_spawn: Callable[[str, Path], None] = lambda name, out: None

    def address(self, node: str) -> str:
        return f"10.77.0.{10 + NODES.index(node)}"

    def port(self, node: str) -> str:
        return f"vb-{node}"

    def control_group(self, node: str, controller: str) -> Path:
        return self.directory / controller / node

    def disk(self, node: str, name: str) -> Path:
        return self.directory / f"{node}-{name}.img"

    def is_up(self, node: str) -> bool:
        return node not in self.off

    def exec(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002 - the name in Lab
    ) -> Completed:
        text = " ".join(argv)
        for word, outcome in self.wrong.items():
            if word in text:
                if isinstance(outcome, Completed):
                    return outcome
                raise outcome
        if input is not None:
            self.diary.append(f"snapshot {node}")
            return Completed(0, json.dumps(self.probe), "")
        if argv[0] == "hale-gate" and argv[1] == "status":
            status = {"problem": None, "last": self.entries.get(node, [])}
            return Completed(0, json.dumps(status), "")
        if argv[:2] == ["systemctl", "show"]:
            return Completed(0, self._show(argv), "")
        if argv[0] != "journalctl":
            self.diary.append(f"{node}: {_short(argv)}")
        return Completed(0, next((v for k, v in self.answers.items() if k in text), ""), "")

    def ask(self, node: str, argv: Sequence[str], *, timeout: float = 30.0) -> Completed:
        return self.exec(node, argv, timeout=timeout)

    def changed_at(self, node: str, path: str) -> float | None:
        return None

    def _show(self, argv: Sequence[str]) -> str:
        if "MainPID" in argv:
            return "77\n"
        if "-P" in argv:
            return f"{self.active}\n"
        units = argv[4:]
        blocks = [f"Id={u}\nActiveState={self.active}\nInvocationID=i1" for u in units]
        return "\n\n".join(blocks) + "\n"

    def power_off(self, node: str) -> None:
        self.off.add(node)
        self.diary.append(f"{node}: power off")

    def power_on(self, node: str, *, timeout: float = 90.0) -> None:
        self.off.discard(node)
        self.diary.append(f"{node}: power on")

    def reboot(self, node: str, *, timeout: float = 90.0) -> None:
        self.diary.append(f"{node}: reboot")

    def freeze(self, node: str) -> None:
        self.diary.append(f"{node}: freeze")

    def thaw(self, node: str) -> None:
        self.diary.append(f"{node}: thaw")

    def link_down(self, node: str) -> None:
        self.diary.append(f"{node}: link down")

    def link_up(self, node: str) -> None:
        self.diary.append(f"{node}: link up")

    def power_controller(self, mode: str) -> None:
        self.diary.append(f"power controller: {mode}")

    def host_exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        input: bytes | None = None,  # noqa: A002 - the name in Lab
    ) -> Completed:
        if argv[0] != "nft" or input is None:
            raise LabError("nothing here runs commands on the host but nft")
        self.diary += [f"nft {line}" for line in input.decode().splitlines()]
        return self.wrong_on_host or Completed(0, "", "")

    def spawn_host(
        self, argv: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> FakeProcess:
        name = argv[2]
        self.diary.append(f"started {name}")
        out = next(word.removeprefix("--out=") for word in argv if word.startswith("--out="))
        self.on_spawn(name, Path(out))
        return FakeProcess(self.diary, name)

    def read_file(self, node: str, path: str) -> bytes:
        try:
            return self.files[node, path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def write_file(self, node: str, path: str, content: bytes, *, mode: int = 0o644) -> None:
        self.files[node, path] = content
        self.diary.append(f"{node}: wrote {path}")


def _short(argv: Sequence[str]) -> str:
    """Leave scripts out: `/bin/sh -c SCRIPT sh ARGS` becomes `sh ARGS`, and so for Python."""
    if argv[0] == "/bin/sh":
        return " ".join(["sh", *argv[4:]]) if len(argv) > 3 else "sh"
    if argv[0] == "/usr/bin/python3":
        return " ".join(["python3", *argv[3:]])
    return " ".join(argv)
