"""What the eyes of a fake lab see, written as their own process would."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.eyes import NODES, SERVICES
from tests.lab.drills.fakes import FakeLab


def told(lab: FakeLab, source: str, name: str, value: object) -> str:
    line = {"at": lab.clock.time, "source": source, "name": name, "value": value}
    return json.dumps(line) + "\n"


def up(node: str, service: str = "") -> dict[str, object]:
    return {"labels": {"node": node, "service": service}, "value": "1"}


def alert(name: str, node: str = "web1", state: str = "firing") -> dict[str, object]:
    return {"labels": {"alertname": name, "node": node}, "state": state}


@dataclass
class Eyes:
    """Writes what the process of that name would, when the fake lab starts it."""

    lab: FakeLab
    sound: bool = True
    detects_after: float | None = 5.0
    alert: str = "ServiceDown"
    freezes: tuple[str, ...] = ()
    file: Path = Path()

    def __call__(self, name: str, out: Path) -> None:
        if name != "lab.eyes":
            return
        self.file = out
        nodes = [up(node) for node in self.lab.nodes]
        services = [up("web1", "nginx"), up("web2", "nginx")] if self.sound else []
        self.write(
            told(self.lab, "query", NODES, nodes)
            + told(self.lab, "query", SERVICES, services)
            + told(self.lab, "incidents", "", [])
            + told(self.lab, "alerts", "", [])
            + told(self.lab, "freezes", "", self.freezes)
        )
        if self.detects_after is not None:
            self.lab.clock.after(self.detects_after, self.detect)

    def detect(self) -> None:
        self.write(told(self.lab, "alerts", "", [alert(self.alert)]))

    def write(self, text: str) -> None:
        with self.file.open("a") as stream:
            stream.write(text)
