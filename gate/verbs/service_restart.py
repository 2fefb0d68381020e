"""service.restart: restart one listed unit, after its own configuration check has agreed."""

from dataclasses import dataclass

from gate.clock import Deadline
from gate.config import Config
from gate.process import NotStarted, Ran
from gate.protocol import Expect, Outcome, Reason, Refused, State, UnitExpect
from gate.strict_json import JsonObject
from gate.units import Unit, Unreadable
from gate.verb import Node

CONFIG_CHECK_SECONDS = 10.0
CONFIG_CHECK_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class ServiceRestart:
    """`systemctl reset-failed UNIT`, then `systemctl restart UNIT`, then proof that it runs anew."""

    def target(self, args: JsonObject, expect: Expect, config: Config) -> str:
        """Take `{"unit": NAME}`, where gate.json lists NAME with `"restart": true`.

        Raises:
            Refused: bad_argument, also when `expect` lacks the boot or the unit; or not_listed.
        """
        unit = args.get("unit")
        if not isinstance(unit, str) or len(args) != 1:
            raise Refused(Reason.BAD_ARGUMENT, 'args: want {"unit": NAME} and nothing else')
        rule = config.units.get(unit)
        if rule is None or not rule.restart:
            why = "is not listed" if rule is None else "is listed without restart"
            raise Refused(Reason.NOT_LISTED, f"{unit[:80]!r} {why} in gate.json")
        if expect.boot_id is None or expect.unit(unit) is None:
            raise Refused(
                Reason.BAD_ARGUMENT,
                "expect: want boot_id and units with active_state and invocation_id of " + unit,
            )
        for name, _ in expect.units:
            if name not in config.units:
                raise Refused(
                    Reason.NOT_LISTED, f"expect: {name[:80]!r} is not listed in gate.json"
                )
        return unit

    def check(self, target: str, deadline: Deadline, node: Node) -> None:
        """Run the declared configuration check, for 10 s at most.

        Raises:
            Refused: config_check, with the last line that the check wrote.
        """
        argv = node.config.units[target].config_check
        if not argv:
            return
        seconds = min(CONFIG_CHECK_SECONDS, deadline.left())
        try:
            ran = node.programs(argv, seconds, CONFIG_CHECK_BYTES)
        except NotStarted as error:
            raise Refused(Reason.CONFIG_CHECK, str(error)) from error
        if ran.code is None:
            raise Refused(Reason.CONFIG_CHECK, f"took longer than {seconds:.1f} s: {ran.last_line}")
        if ran.code != 0:
            raise Refused(Reason.CONFIG_CHECK, f"ended with {ran.code}: {ran.last_line}")

    def compare(self, target: str, expect: Expect, node: Node) -> None:
        """Compare the boot, and state and InvocationID of each unit that is expected.

        Raises:
            Refused: changed, with both values, also when the present ones cannot be read.
        """
        boot_id = str(node.clock.boot_id())
        if expect.boot_id != boot_id:
            raise Refused(Reason.CHANGED, f"boot_id: expected {expect.boot_id}, is {boot_id}")
        names = tuple(name for name, _ in expect.units)
        try:
            present = node.systemd.show(names)
        except Unreadable as error:
            raise Refused(Reason.CHANGED, f"units cannot be read: {error}") from error
        for (name, expected), unit in zip(expect.units, present, strict=True):
            _same(name, expected, unit)

    def run(self, target: str, expect: Expect, deadline: Deadline, node: Node) -> Outcome:
        """Restart, and say `done` only for a unit that is active under a new InvocationID."""
        before = expect.unit(target)
        assert before is not None  # noqa: S101  # target() refuses it; for the type checker
        try:
            if node.systemd.reset_failed(target, deadline.left()).code is None:
                return _failed(
                    Reason.DEADLINE, "systemctl reset-failed took too long; not restarted"
                )
            # Whether reset-failed succeeded does not matter: it fails for a unit that never failed.
            ran = node.systemd.restart(target, deadline.left())
        except NotStarted as error:
            return _failed(Reason.START_FAILED, f"not restarted: {error}")
        if ran.code is None:
            return _unknown(Reason.DEADLINE, "systemctl took too long; PID 1 may still restart it")
        if ran.code < 0:
            return _unknown(Reason.INTERRUPTED, f"systemctl was ended by signal {-ran.code}")
        return _proof(target, before, ran, node)


def _same(name: str, expected: UnitExpect, unit: Unit) -> None:
    for what, want, have in (
        ("active_state", expected.active_state, unit.active_state),
        ("invocation_id", expected.invocation_id, unit.invocation_id),
    ):
        if want != have:
            raise Refused(Reason.CHANGED, f"{name} {what}: expected {want!r}, is {have!r}")


def _proof(target: str, before: UnitExpect, ran: Ran, node: Node) -> Outcome:
    """Judge a restart that has ended by what the unit is now."""
    try:
        (unit,) = node.systemd.show((target,))
    except Unreadable as error:
        return _unknown(Reason.UNREADABLE, f"systemctl ended with {ran.code}, then: {error}")
    serving = unit.active_state == "active"
    anew = unit.invocation_id not in ("", before.invocation_id)
    said = f"{unit.active_state} ({unit.sub_state}), result {unit.result}"
    if ran.code == 0 and serving and anew:
        return Outcome(State.DONE, Reason.RESTARTED, f"{said}, invocation {unit.invocation_id}")
    if ran.code == 0 or not serving:
        return _failed(Reason.START_FAILED, f"{said}; systemctl said: {ran.last_line}")
    return _unknown(
        Reason.UNREADABLE, f"systemctl ended with {ran.code} ({ran.last_line}), yet it is {said}"
    )


def _failed(reason: Reason, detail: str) -> Outcome:
    return Outcome(State.FAILED, reason, detail)


def _unknown(reason: Reason, detail: str) -> Outcome:
    return Outcome(State.UNKNOWN, reason, detail)
