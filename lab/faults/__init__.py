"""Every kind of fault, by the word it has in drill files and on the command line."""

import dataclasses
import typing
from collections.abc import Mapping
from types import MappingProxyType

from lab.faults.alert_forge import AlertForge
from lab.faults.backup_empty import BackupEmpty
from lab.faults.backup_rot import BackupRot
from lab.faults.backup_truncate import BackupTruncate
from lab.faults.config_hold import ConfigHold
from lab.faults.config_let import ConfigLet
from lab.faults.disk_fill import DiskFill
from lab.faults.disk_fill_files import DiskFillFiles
from lab.faults.disk_release import DiskRelease
from lab.faults.disk_release_files import DiskReleaseFiles
from lab.faults.exporter_kill import ExporterKill
from lab.faults.fault import Fault
from lab.faults.files_delete import FilesDelete
from lab.faults.files_return import FilesReturn
from lab.faults.files_rot import FilesRot
from lab.faults.gate_decline import GateDecline
from lab.faults.gate_drain import GateDrain
from lab.faults.gate_go_on import GateGoOn
from lab.faults.gate_hold import GateHold
from lab.faults.haproxy_set import HaproxySet
from lab.faults.healer_freeze_at_check import HealerFreezeAtCheck
from lab.faults.healer_kill_at_begun import HealerKillAtBegun
from lab.faults.link_down import LinkDown
from lab.faults.link_up import LinkUp
from lab.faults.network_cut import NetworkCut
from lab.faults.network_mend import NetworkMend
from lab.faults.network_split import NetworkSplit
from lab.faults.node_ask_lock import NodeAskLock
from lab.faults.node_freeze import NodeFreeze
from lab.faults.node_log import NodeLog
from lab.faults.node_power_off import NodePowerOff
from lab.faults.node_power_on import NodePowerOn
from lab.faults.node_reboot import NodeReboot
from lab.faults.node_slow_boot import NodeSlowBoot
from lab.faults.node_thaw import NodeThaw
from lab.faults.pacemaker_kill import PacemakerKill
from lab.faults.pacemaker_move import PacemakerMove
from lab.faults.package_damage import PackageDamage
from lab.faults.path_close import PathClose
from lab.faults.person_admit import PersonAdmit
from lab.faults.person_adopt import PersonAdopt
from lab.faults.person_approve import PersonApprove
from lab.faults.person_close import PersonClose
from lab.faults.person_failover import PersonFailover
from lab.faults.person_maintain import PersonMaintain
from lab.faults.person_roll import PersonRoll
from lab.faults.postgres_damage import PostgresDamage
from lab.faults.postgres_fill_wal import PostgresFillWal
from lab.faults.postgres_go_on import PostgresGoOn
from lab.faults.postgres_stall import PostgresStall
from lab.faults.power_mode import PowerMode
from lab.faults.restore_kill import RestoreKill
from lab.faults.service_break_config import ServiceBreakConfig
from lab.faults.service_cont_process import ServiceContProcess
from lab.faults.service_kill import ServiceKill
from lab.faults.service_kill_all import ServiceKillAll
from lab.faults.service_kill_until_failed import ServiceKillUntilFailed
from lab.faults.service_mend_config import ServiceMendConfig
from lab.faults.service_release import ServiceRelease
from lab.faults.service_slow_start import ServiceSlowStart
from lab.faults.service_starve import ServiceStarve
from lab.faults.service_stop_process import ServiceStopProcess
from lab.faults.service_unstartable import ServiceUnstartable
from lab.faults.store_cut import StoreCut
from lab.faults.store_mend import StoreMend
from lab.faults.unit_reload import UnitReload
from lab.faults.unit_restart import UnitRestart
from lab.faults.unit_start import UnitStart
from lab.faults.unit_stop import UnitStop
from lab.ports import Lab, LabError

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "alert.forge": AlertForge,
        "backup.empty": BackupEmpty,
        "backup.rot": BackupRot,
        "backup.truncate": BackupTruncate,
        "config.hold": ConfigHold,
        "config.let": ConfigLet,
        "disk.fill": DiskFill,
        "disk.fill_files": DiskFillFiles,
        "disk.release": DiskRelease,
        "disk.release_files": DiskReleaseFiles,
        "exporter.kill": ExporterKill,
        "files.delete": FilesDelete,
        "files.return": FilesReturn,
        "files.rot": FilesRot,
        "gate.decline": GateDecline,
        "gate.drain": GateDrain,
        "gate.go_on": GateGoOn,
        "gate.hold": GateHold,
        "haproxy.set": HaproxySet,
        "healer.kill_at_begun": HealerKillAtBegun,
        "healer.freeze_at_check": HealerFreezeAtCheck,
        "link.down": LinkDown,
        "link.up": LinkUp,
        "network.cut": NetworkCut,
        "network.mend": NetworkMend,
        "network.split": NetworkSplit,
        "node.ask_lock": NodeAskLock,
        "node.freeze": NodeFreeze,
        "node.log": NodeLog,
        "node.power_off": NodePowerOff,
        "node.power_on": NodePowerOn,
        "node.reboot": NodeReboot,
        "node.slow_boot": NodeSlowBoot,
        "node.thaw": NodeThaw,
        "package.damage": PackageDamage,
        "pacemaker.kill": PacemakerKill,
        "pacemaker.move": PacemakerMove,
        "path.close": PathClose,
        "person.admit": PersonAdmit,
        "person.close": PersonClose,
        "person.adopt": PersonAdopt,
        "person.approve": PersonApprove,
        "person.failover": PersonFailover,
        "person.maintain": PersonMaintain,
        "postgres.damage": PostgresDamage,
        "postgres.fill_wal": PostgresFillWal,
        "postgres.go_on": PostgresGoOn,
        "postgres.stall": PostgresStall,
        "power.mode": PowerMode,
        "person.roll": PersonRoll,
        "restore.kill": RestoreKill,
        "service.break_config": ServiceBreakConfig,
        "service.cont_process": ServiceContProcess,
        "service.kill": ServiceKill,
        "service.kill_all": ServiceKillAll,
        "service.kill_until_failed": ServiceKillUntilFailed,
        "service.mend_config": ServiceMendConfig,
        "service.release": ServiceRelease,
        "service.slow_start": ServiceSlowStart,
        "service.starve": ServiceStarve,
        "service.stop_process": ServiceStopProcess,
        "service.unstartable": ServiceUnstartable,
        "store.cut": StoreCut,
        "store.mend": StoreMend,
        "unit.reload": UnitReload,
        "unit.restart": UnitRestart,
        "unit.start": UnitStart,
        "unit.stop": UnitStop,
    }
)
"""The registry. One file per kind; a kind's fields are its arguments."""

KINDS: tuple[str, ...] = tuple(FAULTS)


def inject(lab: Lab, node: str, kind: str, args: Mapping[str, str]) -> str:
    """Inject a fault that nobody will undo but the caller; return what was done in one line.

    Args:
        lab: A lab that is up.
        node: Where.
        kind: One of KINDS.
        args: Texts by name; where a tuple is wanted, its items are parted by spaces.

    Raises:
        LabError: The kind or an argument is unknown or missing (nothing was done), or the fault
            could not be injected.
    """
    return make(node, kind, args).inject(lab)


def undo(lab: Lab, node: str, kind: str, args: Mapping[str, str]) -> None:
    """Take back what `inject` with the same arguments did.

    Raises:
        LabError: It could not be taken back.
    """
    make(node, kind, args).undo(lab)


def make(node: str, kind: str, args: Mapping[str, str]) -> Fault:
    """Return the fault of that kind.

    Raises:
        LabError: The kind or an argument is unknown or missing.
    """
    if kind not in FAULTS:
        raise LabError(f"unknown fault '{kind}'. Known: {', '.join(KINDS)}")
    fields = {field.name: field for field in dataclasses.fields(FAULTS[kind])}  # type: ignore[arg-type]
    given = {"node": node, **args}
    unknown = sorted(set(given) - set(fields))
    missing = sorted(
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and name not in given
    )
    if unknown or missing:
        wanted = ", ".join(sorted(set(fields) - {"node"})) or "none"
        wrong = [f"unknown argument '{name}'" for name in unknown]
        wrong += [f"argument '{name}' is missing" for name in missing]
        raise LabError(f"{kind}: {'; '.join(wrong)}. Arguments: {wanted}")
    types_of = typing.get_type_hints(FAULTS[kind])
    values = {n: v if types_of[n] is str else tuple(v.split()) for n, v in given.items()}
    return FAULTS[kind](**values)
