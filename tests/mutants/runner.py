"""Runs the tests once to see which reach which line, then each mutant in a fork under those that reach its statement.

A mutant is a function's code put in the place of its own, so nothing is imported anew and no file is written.
"""

import ast
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutants.mutations import Mutation, mutated, mutations

ROOT = Path(__file__).parents[2]

PATIENCE = 120
"""Seconds of computing after which a mutant that goes on for ever counts as seen, if less surely than by a test."""

ASLEEP = 900
"""The same for one that waits for ever: seconds by the wall, of which a busy machine gives it few."""

TOO_LATE = (signal.SIGPROF, signal.SIGALRM)
"""How a fork ends that goes on for ever, or waits for ever."""

NOT_WRITTEN = 3
"""How a fork ends whose mutant Python does not take: nothing was planted."""


@dataclass(slots=True)
class Tally:
    """What became of one module's mutants.

    Attributes:
        killed: Seen, by a test that fails or by a time-out.
        late: Those among them that only a time-out has seen.
        listed: Known to behave alike.
        unwritten: That Python does not take; they count as none.
    """

    killed: int = 0
    late: int = 0
    listed: int = 0
    survived: int = 0
    unwritten: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        planted = self.killed + self.survived
        share = f"{self.killed / planted:.1%}" if planted else "none planted"
        said = f"{planted + self.listed} planted, {self.listed} listed as equivalent, "
        said += f"{self.killed} of {planted} killed ({share}), {self.late} of them by a time-out"
        return f"{said}; {self.unwritten} not to be written" if self.unwritten else said


@dataclass
class Reached:
    """One function under test.

    Attributes:
        tests: Of each line that runs in it, the indexes of the tests in which it does.
    """

    module: ModuleType
    function: FunctionType
    tree: ast.FunctionDef
    tests: dict[int, set[int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        path = Path(inspect.getfile(self.function)).relative_to(ROOT)
        return f"{path}::{self.function.__qualname__}"

    def reaching(self, mutation: Mutation) -> set[int]:
        """Return the indexes of the tests that run any line of the statement in which a mutation is."""
        return set[int]().union(*(self.tests.get(line, ()) for line in mutation.statement))


def functions(modules: list[ModuleType]) -> Iterator[Reached]:
    """Yield every function and method that is written in these modules."""
    for module in modules:
        source = Path(inspect.getfile(module)).read_text()
        trees = {
            node.lineno - len(node.decorator_list): node
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        }
        by_line = {node.lineno: node for node in trees.values()}
        for function in _written(module):
            first = function.__code__.co_firstlineno
            tree = by_line.get(first) or next(
                (by_line[one] for one in range(first, first + 4) if one in by_line), None
            )
            # What uses names of the function around it cannot be compiled alone.
            if tree is not None and not function.__code__.co_freevars:
                yield Reached(module, function, tree)


def _written(module: ModuleType) -> Iterator[FunctionType]:
    def of(thing: object) -> Iterator[FunctionType]:
        if isinstance(thing, property):
            thing = thing.fget
        if isinstance(thing, cached_property):
            thing = thing.func
        thing = getattr(thing, "__func__", thing)
        if isinstance(thing, FunctionType) and thing.__module__ == module.__name__:
            with suppress(OSError, TypeError):
                if inspect.getfile(thing) == inspect.getfile(module):
                    yield thing

    for value in vars(module).values():
        yield from of(value)
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                yield from of(member)


def planted(reached: Reached, tree: ast.FunctionDef) -> FunctionType:
    """Compile a changed function as if it stood in its module."""
    plain = ast.parse("")
    alone = ast.FunctionDef(**{name: getattr(tree, name) for name in tree._fields})
    alone.decorator_list = []
    plain.body = [ast.copy_location(alone, tree)]
    space: dict[str, Any] = {}
    module = ast.fix_missing_locations(plain)
    exec(compile(module, inspect.getfile(reached.function), "exec"), vars(reached.module), space)  # noqa: S102
    vars(reached.module).pop("__builtins__", None) if "__builtins__" not in vars(
        reached.module
    ) else None
    return space[tree.name]  # type: ignore[no-any-return]


def _exchange(function: FunctionType, other: FunctionType) -> None:
    function.__code__ = other.__code__
    function.__defaults__, function.__kwdefaults__ = other.__defaults__, other.__kwdefaults__


class Mutants:
    """The plugin of pytest that does it all."""

    def __init__(
        self,
        modules: Callable[[], list[ModuleType]],
        jobs: int,
        equivalent: set[str],
        only: str = "",
        again: set[str] | None = None,
    ) -> None:
        self._modules, self._jobs, self._equivalent, self._only = modules, jobs, equivalent, only
        self._again = again
        self.tallies: dict[str, Tally] = {}
        self._failed = False

    def pytest_configure(self) -> None:
        """Let hypothesis draw the same examples for each mutant, however slowly, before any test is imported."""
        from hypothesis import HealthCheck, settings  # pytest wants to import it first

        settings.register_profile(
            "mutants",
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=40,
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do everything that pytest would, once for the code and once for each mutant."""
        found = list(functions(self._modules()))
        lasted = self._reach(session.items, found)
        work = [
            (one, mutation)
            for one in found
            if self._only in one.name
            for mutation in mutations(one.tree)
            if self._again is None or f"{one.name}: {mutation.said}" in self._again
        ]
        print(
            f"{len(found)} functions, {len(work)} mutants, {len(session.items)} tests", flush=True
        )
        began, running = time.monotonic(), {}  # type: ignore[var-annotated]
        for done, (one, mutation) in enumerate(work):
            key = f"{one.name}: {mutation.said}"
            if key in self._equivalent:
                self._tally(key).listed += 1
                continue
            reaching = sorted(one.reaching(mutation), key=lasted.__getitem__)
            tests = [session.items[test] for test in reaching]
            while len(running) >= self._jobs:
                self._wait(running)
            running[self._fork(one, mutation, tests)] = (key, mutation.line)
            if done % 100 == 99:
                print(f"  {done + 1} after {time.monotonic() - began:.0f} s", flush=True)
        while running:
            self._wait(running)
        return True

    def _reach(self, items: list[pytest.Item], found: list[Reached]) -> list[float]:
        """Run every test once; note which lines of functions it runs and how long it takes."""
        by_code = {id(one.function.__code__): one for one in found}
        lasted = []
        for place, item in enumerate(items):

            def note(frame: FrameType, event: str, _: object, place: int = place) -> Any:
                reached = by_code.get(id(frame.f_code))
                if reached is not None and event == "line":
                    reached.tests.setdefault(frame.f_lineno, set()).add(place)
                return None if reached is None else note

            began = time.monotonic()
            sys.settrace(note)
            try:
                self._run(item)
            finally:
                sys.settrace(None)
            lasted.append(time.monotonic() - began)
            if self._failed:
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
        return lasted

    def _run(self, item: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def _fork(self, one: Reached, mutation: Mutation, tests: list[pytest.Item]) -> int:
        child = os.fork()
        if child:
            return child
        for late in TOO_LATE:
            signal.signal(late, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        signal.alarm(ASLEEP)
        plugins = tests[0].config.pluginmanager if tests else None
        if plugins is not None:
            plugins.unregister(name="terminalreporter")
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            _exchange(one.function, planted(one, mutated(one.tree, mutation)))
        except (SyntaxError, ValueError):
            os._exit(NOT_WRITTEN)
        for item in tests:
            try:
                self._run(item)
            except BaseException:  # noqa: BLE001 - whatever it is, the mutant was seen
                os._exit(1)
            if self._failed:
                os._exit(1)
        os._exit(0)

    def _wait(self, running: dict[int, tuple[str, int]]) -> None:
        child, status = os.wait()
        key, line = running.pop(child)
        tally, ended = self._tally(key), os.waitstatus_to_exitcode(status)
        if ended == 0:
            tally.survived += 1
            print(f"survived: {key}   (line {line})", flush=True)
        elif ended == NOT_WRITTEN:
            tally.unwritten += 1
            print(f"not to be written: {key}   (line {line})", flush=True)
        else:
            tally.killed += 1
        if -ended in TOO_LATE:
            tally.late += 1
            print(f"timed out: {key}   (line {line})", flush=True)

    def _tally(self, key: str) -> Tally:
        return self.tallies.setdefault(key.partition("::")[0], Tally())
