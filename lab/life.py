"""The life of a lab: up, and down from wherever it is.

The rule: whatever ends `up` early, be it an error, Ctrl-C or SIGTERM, takes back all that was
made; after SIGKILL, `down` does, since `remains` needs nothing that `up` wrote down.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lab import backups, cgroups, image, install, layer, lock, machine, record, remains
from lab.commands import PATH, environment, run
from lab.names import Place
from lab.network import Network
from lab.node import Node
from lab.ports import LabError, TimedOut
from lab.power import Controller
from lab.progress import Steps, steps
from lab.record import Record
from lab.running import RunningLab
from lab.scenario import Scenario
from lab.tree import Tree

BOOT_SECONDS = 300.0
LXCFS_SECONDS = 10.0
_DISKS = "mode=755,size=75%"


class Ended(BaseException):
    """A signal asked us to end; nothing but a clean end may follow."""


def up(place: Place, scenario: Scenario, dist: Path) -> RunningLab:
    """Boot all nodes of a scenario and return when they have started everything.

    Args:
        place: Where the lab keeps its things.
        scenario: What to boot.
        dist: Where `make dist` put Hale.

    Raises:
        LabError: The lab did not come up; everything that was made is gone again.
    """
    with lock.held(place, f"up {scenario.directory.name}"):
        return _up(place, scenario, dist)


def down(place: Place) -> None:
    """End the lab and leave nothing of it. Where there is none, nothing happens.

    Raises:
        LabError: Another command changes the lab, or something could not be removed.
    """
    with lock.held(place, "down"):
        _take_back(place)


@contextlib.contextmanager
def visited(place: Place, scenario: Scenario, dist: Path) -> Iterator[RunningLab]:
    """Have a lab of a scenario for a while: the one that is up, or one that goes afterwards.

    Raises:
        LabError: The lab that is up is another scenario's; it is left as it is.
    """
    with lock.held(place, f"drill {scenario.directory.name}"):
        layout = cgroups.this_machine()
        found = place.record.exists()
        if found and record.read(place).scenario != scenario.directory:
            raise LabError(f"lab {place.id} is up with {record.read(place).scenario}; end it first")
        lab = None if found else _up(place, scenario, dist)
        try:
            with cgroups.entered(layout, place.name):
                yield lab or RunningLab(place, layout, record.read(place))
        finally:
            if not found:
                _take_back(place)


@contextlib.contextmanager
def attached(place: Place) -> Iterator[RunningLab]:
    """Use a lab that is up.

    Raises:
        LabError: No lab of this id is up.
    """
    found = record.read(place)
    layout = cgroups.this_machine()
    with cgroups.entered(layout, place.name):
        yield RunningLab(place, layout, found)


@contextlib.contextmanager
def signals_end() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into an exception; SIGHUP not under nohup(1).

    SIGINT is one already, except where a shell starts us in the background with it ignored.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Ended(signal.Signals(number).name)

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {each: signal.signal(each, end) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _up(place: Place, scenario: Scenario, dist: Path) -> RunningLab:
    lacking = machine.lacks(machine.this_machine(place.cache))
    if any(lack.fatal for lack in lacking):
        raise LabError(f"this machine cannot run a lab. It\n{machine.report(lacking)}")
    layout = cgroups.this_machine()
    if place.record.exists():
        raise LabError(f"lab {place.id} is up already; end it with `hale-lab down` first")
    hale = layer.distribution(dist) if scenario.lab.install else None
    remains.remove(place, layout)  # what a killed `up` may have left
    try:
        machine.let_watch()
        cgroups.make(layout, place.name)
        with cgroups.entered(layout, place.name), steps(6 if hale else 4) as show:
            return _build(place, layout, scenario, hale, show)
    except BaseException as error:
        try:
            _take_back(place)
        except LabError as left:
            raise LabError(f"{error}\n{left}") from error
        raise


def _build(
    place: Place,
    layout: cgroups.Layout,
    scenario: Scenario,
    hale: layer.Distribution | None,
    show: Steps,
) -> RunningLab:
    recipe = image.Recipe(packages=(*image.PACKAGES, *scenario.lab.packages))
    place.directory.mkdir(parents=True, mode=0o755)
    with show.step("root file system"):
        layers = [image.ensure(place, recipe)]
    if hale is not None:
        with show.step("Hale's environment"):
            layers.insert(0, layer.ensure(place, recipe, hale))
    with show.step("network and disks"):
        Network(place).make()
        place.disks.mkdir()
        run("mount", "-t", "tmpfs", "-o", _DISKS, place.name, place.disks)
        _start_lxcfs(place)
    nodes = [Node(place, layout, plan) for plan in scenario.plans]
    _hand_out_the_kernels_log(place, nodes)
    place.shared.mkdir(mode=0o755)
    fenced = scenario.cluster.power or scenario.lab.fencers
    secret = _start_the_power_controller(place) if fenced else ""
    with show.step(f"files of {len(nodes)} nodes"):
        keys = install.Keys(place.directory / "keys")
        keys.make(tuple(plan.name for plan in scenario.plans))
        keys.certify(scenario.cluster)
        backups.make_keys(keys.directory, scenario.cluster)
        for node in nodes:
            node.make_disks(layers)
            tree = Tree(node.directory / "root")
            install.install(tree, scenario, node.plan.name, keys, layout.v1_names)
            install.let_fence(tree, scenario, node.plan.name, secret)
    with show.step(f"boot of {', '.join(node.plan.name for node in nodes)}"):
        _boot(nodes)
    if hale is not None:
        with show.step("the healer's journal and start"):
            backups.start(scenario.cluster, nodes)
            healers = scenario.cluster.healer.nodes
            install.start_healers([node for node in nodes if node.plan.name in healers])
    record.write(place, Record(scenario.directory, scenario.plans))
    return RunningLab(place, layout, record.read(place))


def _boot(nodes: list[Node]) -> None:
    for node in nodes:
        node.start()
    for node in nodes:
        if node.wait(BOOT_SECONDS) == "degraded":
            done = node.exec(
                ["systemctl", "--failed", "--plain", "--no-legend"], timeout=10, stdin=None
            )
            failed = ", ".join(line.split()[0] for line in done.stdout.splitlines() if line.strip())
            print(f"{node.plan.name}: these units failed: {failed}", file=sys.stderr)


def _start_lxcfs(place: Place) -> None:
    """Start the lab's lxcfs where the machine has it; nodes show the host's memory else.

    It goes on in the background, in the lab's control group.

    Raises:
        TimedOut: It did not mount itself; lxcfs.log in the lab's directory says why.
    """
    if shutil.which("lxcfs", path=PATH) is None:
        return
    place.lxcfs.mkdir()
    pid = str(place.directory / "lxcfs.pid")
    with (place.directory / "lxcfs.log").open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "lxcfs", "-p", pid, str(place.lxcfs)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
        )
    deadline = time.monotonic() + LXCFS_SECONDS
    while not place.lxcfs.is_mount():
        if time.monotonic() > deadline:
            raise TimedOut(f"lxcfs: no mount at {place.lxcfs} after {LXCFS_SECONDS:g} s")
        time.sleep(0.01)


def _hand_out_the_kernels_log(place: Place, nodes: list[Node]) -> None:
    """Let each node see the kernel's lines about its own things from now on; it goes on in the lab's control group."""
    logs = [f"{node.plan.name}={node.kernel_log}" for node in nodes]
    with (place.directory / "kernel-log.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "lab.kernel_log", place.name, str(place.disks), *logs],
            check=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment({"PYTHONPATH": str(Path(__file__).parent.parent)}),
            cwd="/",
        )


def _start_the_power_controller(place: Place) -> str:
    """Start what cuts the nodes' power, outside of them, and return its secret.

    It goes on in the lab's control group.
    """
    controller = Controller(place)
    controller.make()
    argv = [sys.executable, "-m", "lab.power", str(place.state), str(place.cache), place.id]
    with (place.directory / "power.log").open("ab") as log:
        subprocess.run(
            Network(place).inside(*argv),
            check=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment({"PYTHONPATH": str(Path(__file__).parent.parent)}),
            cwd="/",
        )
    return controller.secret


def _take_back(place: Place) -> None:
    """Remove everything; a second Ctrl-C or SIGTERM does not stop half way."""
    patient = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in patient}
    try:
        remains.remove(place, cgroups.this_machine())
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
