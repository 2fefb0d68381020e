"""Whether the node still is what a decision rested on. What cannot be read is not the same."""

from collections.abc import Mapping

from gate import mounts, netlink, owned, pacemaker, restores
from gate.clock import NANO
from gate.config import Config
from gate.expect import Expect
from gate.haproxy import Sight, Unanswered
from gate.units import Unreadable
from gate.verb import Node
from gate.words import Reason, Refused


def as_expected(expect: Expect, node: Node) -> None:
    """Compare the boot, and all else that is expected.

    Raises:
        Refused: changed, with both values, also when the present ones cannot be read.
    """
    _same("boot_id", expect.boot_id, str(node.clock.boot_id()))
    _units(expect, node)
    _pools(expect.pools, node)
    for name, held in expect.addresses.items():
        rule = node.config.addresses[name]
        try:
            _same(f"{name} held", held, node.has_address(rule.address, rule.interface))
        except netlink.Unreadable as error:
            raise Refused(Reason.CHANGED, str(error)) from error
    _databases(expect, node)
    _backups(expect, node)
    _pacemakers(expect, node)
    if expect.filesystems:
        table = _mounts(node)
        for path, device in expect.filesystems.items():
            found = mounts.holding(path, table)
            is_there = found is not None and found.mountpoint == path
            _same(f"{path} device", device, found.device if found and is_there else None)


def listed(expect: Expect, config: Config) -> None:
    """Insist that nothing is expected of what gate.json does not list.

    Raises:
        Refused: not_listed.
    """
    members = {f"{pool}/{member}" for pool, rule in config.pools.items() for member in rule.members}
    for names, known in (
        (expect.units, config.units),
        (expect.pools, members),
        (expect.addresses, config.addresses),
        (expect.databases, owned.names(config)),
        (expect.backups, config.restores),
        (expect.pacemakers, config.pacemakers),
    ):
        for name in names:
            if name not in known:
                raise Refused(
                    Reason.NOT_LISTED, f"expect: {name[:80]!r} is not listed in gate.json"
                )


def _units(expect: Expect, node: Node) -> None:
    names = tuple(expect.units)
    try:
        present = node.systemd.show(names)
    except Unreadable as error:
        raise Refused(Reason.CHANGED, f"units cannot be read: {error}") from error
    for name, unit in zip(names, present, strict=True):
        expected = expect.units[name]
        _same(f"{name} active_state", expected.active_state, unit.active_state)
        _same(f"{name} invocation_id", expected.invocation_id, unit.invocation_id)


def _pools(expected: Mapping[str, str], node: Node) -> None:
    sights: dict[str, Sight] = {}
    for subject, admin in expected.items():
        pool, _, member = subject.partition("/")
        rule = node.config.pools[pool]
        try:
            if rule.socket not in sights:
                sights[rule.socket] = node.balancer.look(rule.socket)
        except Unanswered as error:
            raise Refused(Reason.CHANGED, f"{subject} cannot be read: {error}") from error
        found = sights[rule.socket].servers.get((rule.backend, member))
        _same(f"{subject} admin", admin, found.admin if found else None)


def _databases(expect: Expect, node: Node) -> None:
    for name, expected in expect.databases.items():
        try:
            sight = owned.sight_of(name, node)
        except owned.Unanswered as error:
            raise Refused(Reason.CHANGED, f"{name} cannot be read: {error}") from error
        _same(f"{name} leader", expected.leader, sight.leader)
        _same(f"{name} timeline", expected.timeline, sight.timeline)


def _backups(expect: Expect, node: Node) -> None:
    for name, snapshot in expect.backups.items():
        try:
            proof = restores.newest(node.config.restores[name], node.clock)
        except restores.Unreadable as error:
            raise Refused(Reason.CHANGED, f"{name} cannot be read: {error}") from error
        _same(f"{name} snapshot", snapshot, proof.snapshot if proof is not None else None)


def _pacemakers(expect: Expect, node: Node) -> None:
    for name, expected in expect.pacemakers.items():
        if expected.standby is None:
            continue
        rule = node.config.pacemakers[name]
        try:
            sight = pacemaker.look(rule, node.programs, node.clock.wall() / NANO)
        except pacemaker.Unanswered as error:
            raise Refused(Reason.CHANGED, f"{name} cannot be read: {error}") from error
        own = sight.nodes.get(rule.member)
        _same(f"{name} standby", expected.standby, None if own is None else own.standby)
        for resource, failures in expected.failures.items():
            now = sight.failed(resource, rule.member)
            _same(f"{resource} failures", failures.count, now.count)
            _same(f"{resource} last failure", failures.last, now.last)


def _mounts(node: Node) -> tuple[mounts.Mount, ...]:
    try:
        return node.disks.mounts()
    except mounts.Unmeasurable as error:
        raise Refused(Reason.CHANGED, f"mounts cannot be read: {error}") from error


def _same(what: str, want: object, have: object) -> None:
    if want != have:
        said = "nothing" if have is None else repr(have)
        raise Refused(Reason.CHANGED, f"{what}: expected {want!r}, is {said}")
