"""hale-lab: boot a cluster of real nodes on this machine, break it, and take it down again.

Exit status: 0 done, 1 a drill broke a limit or a command on a node failed, 2 the lab could not
do what was asked.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.quantity import duration
from lab import cgroups, drills, faults, life, machine, remains, scenario
from lab.commands import environment
from lab.names import DEFAULT_ID, Place
from lab.ports import LabError
from lab.running import RunningLab

_COULD_NOT = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    words = parser().parse_args(argv)
    try:
        place = Place(id=words.id)
        with life.signals_end():
            return int(words.run(words, place))
    except LabError as error:
        print(f"hale-lab: {error}", file=sys.stderr)
        return _COULD_NOT
    except (KeyboardInterrupt, life.Ended):
        print("hale-lab: ended by a signal", file=sys.stderr)
        return _INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="hale-lab", description=__doc__.split("\n")[0])
    top.add_argument(
        "--id", default=os.environ.get("HALE_LAB_ID", DEFAULT_ID),
        help="which lab of this machine (default: %(default)s, or HALE_LAB_ID)",
    )  # fmt: skip
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
        made.set_defaults(run=run)
        return made

    check = command("check", _check, "say what this machine lacks", "hale-lab check")
    _add_output(check)
    up = command("up", _up, "boot all nodes of a scenario", "hale-lab up first")
    up.add_argument("scenario", help="a scenario's name or directory")
    _add_dist(up)
    command("down", _down, "end the lab and leave nothing of it", "hale-lab down")
    status = command("status", _status, "show the nodes", "hale-lab status --output json")
    _add_output(status)
    run = command("exec", _exec, "run a command on a node as root",
                  "hale-lab exec web1 -- systemctl status nginx")  # fmt: skip
    run.add_argument("node")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD")
    fault = command("fault", _fault, "break something",
                    "hale-lab fault web1 service.kill unit=nginx.service")  # fmt: skip
    fault.add_argument("node")
    fault.add_argument("kind", choices=faults.KINDS, metavar="KIND", help=", ".join(faults.KINDS))
    fault.add_argument("args", nargs="*", metavar="NAME=VALUE")
    drill = command("drill", _drill, "run a drill, or all of a scenario; boots a lab if none is up",
                    "hale-lab drill scenarios/first/drills/nginx-killed.yml")  # fmt: skip
    drill.add_argument("target", help="a drill's file, or a scenario's name or directory")
    _add_report(drill)
    _add_dist(drill)
    demo = command("demo", _demo, "play the numbered drills of a scenario, one after the other",
                   "hale-lab demo web-tier")  # fmt: skip
    demo.add_argument("scenario", help="a scenario's name or directory")
    _add_report(demo)
    _add_dist(demo)
    soak = command("soak", _soak, "let a healthy cluster alone under load; nothing may happen",
                   "hale-lab soak web-tier --for 30m")  # fmt: skip
    soak.add_argument("scenario", help="a scenario's name or directory")
    soak.add_argument("--for", dest="seconds", type=_seconds, default="30m", metavar="DURATION",
                      help="such as 90s or 30m (default: %(default)s)")  # fmt: skip
    _add_report(soak)
    _add_dist(soak)
    return top


def _add_output(words: argparse.ArgumentParser) -> None:
    words.add_argument("--output", choices=("text", "json"), default="text")


def _add_report(words: argparse.ArgumentParser) -> None:
    words.add_argument("--report", type=Path, help="directory for the reports")


def _add_dist(words: argparse.ArgumentParser) -> None:
    words.add_argument(
        "--dist", type=Path, default=Path("dist"), help="what make dist made (default: %(default)s)"
    )


def _check(words: argparse.Namespace, place: Place) -> int:
    found = machine.lacks(machine.this_machine(place.cache))
    if words.output == "json":
        lacks = [{"what": lack.what, "remedy": lack.remedy, "fatal": lack.fatal} for lack in found]
        print(json.dumps(lacks, indent=1))
    else:
        print(f"This machine\n{machine.report(found)}" if found else "This machine can run a lab.")
    return _COULD_NOT if any(lack.fatal for lack in found) else 0


def _up(words: argparse.Namespace, place: Place) -> int:
    chosen = scenario.load(scenario.find(words.scenario))
    lab = life.up(place, chosen, words.dist)
    print(f"up: {', '.join(f'{node} {lab.address(node)}' for node in lab.nodes)}")
    return 0


def _down(_words: argparse.Namespace, place: Place) -> int:
    life.down(place)
    return 0


def _status(words: argparse.Namespace, place: Place) -> int:
    if not place.record.exists():
        left = remains.find(place, cgroups.this_machine())
        if not left:
            print(f"lab {place.id} is not up" if words.output == "text" else "[]")
            return 0
        raise LabError(f"lab {place.id} is not up, but this is left: {left}. Run `hale-lab down`.")
    with life.attached(place) as lab:
        rows = [_row(lab, node) for node in lab.nodes]
    if words.output == "json":
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print(
                f"{row['node']:<12} {row['address']:<15} {row['state']:<4} {row['memory_bytes']} B"
            )
    return 0


def _row(lab: RunningLab, node: str) -> dict[str, str | int | None]:
    return {
        "node": node,
        "address": lab.address(node),
        "state": "on" if lab.is_up(node) else "off",
        "memory_bytes": cgroups.memory_used(lab.layout, lab.place.name, node),
    }


def _exec(words: argparse.Namespace, place: Place) -> int:
    if not words.argv:
        raise LabError("exec: wanted a command after the node, such as `-- uptime`")
    kind = "--pty" if sys.stdin.isatty() and sys.stdout.isatty() else "--pipe"
    with life.attached(place) as lab:
        command = lab.node(words.node).command(words.argv, kind)
        return subprocess.run(command, env=environment(), check=False).returncode


def _fault(words: argparse.Namespace, place: Place) -> int:
    with life.attached(place) as lab:
        print(faults.inject(lab, words.node, words.kind, _arguments(words.args)))
    return 0


def _arguments(pairs: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or name in found:
            raise LabError(f"{pair!r}: wanted NAME=VALUE, each name once")
        found[name] = value
    return found


def _drill(words: argparse.Namespace, place: Place) -> int:
    target = Path(words.target)
    if target.suffix == ".yml" and target.is_file():
        home = target.resolve().parent.parent
        chosen: tuple[Path, ...] = (target.resolve(),)
    else:
        home = scenario.find(words.target)
        chosen = drills.find(home)
    return _play(words, place, home, chosen)


def _demo(words: argparse.Namespace, place: Place) -> int:
    home = scenario.find(words.scenario)
    return _play(words, place, home, drills.stories(home))


def _soak(words: argparse.Namespace, place: Place) -> int:
    chosen = scenario.load(scenario.find(words.scenario))
    if not chosen.lab.load:
        raise LabError(f"{chosen.directory / 'lab.yml'}: load: name at least one URL to be loaded")
    with life.visited(place, chosen, words.dist) as lab:
        return drills.soaked(lab, chosen.lab.load, words.seconds, words.report)


def _seconds(text: str) -> float:
    try:
        seconds = duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    if not seconds:
        raise argparse.ArgumentTypeError("a soak of no time shows nothing")
    return seconds


def _play(words: argparse.Namespace, place: Place, home: Path, chosen: Sequence[Path]) -> int:
    if not chosen:
        raise LabError(f"{home}: no drill to play; they are files in {home / 'drills'}")
    with life.visited(place, scenario.load(home), words.dist) as lab:
        return drills.main(lab, chosen, words.report)
