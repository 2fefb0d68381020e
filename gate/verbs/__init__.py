"""The verbs of this gate, as a table. A verb that is not here does not exist."""

from gate.verb import TakingVerb
from gate.verbs import action_settle
from gate.verbs.address_accept import AddressAccept
from gate.verbs.address_decline import AddressDecline
from gate.verbs.database_admit import DatabaseAdmit
from gate.verbs.database_bar import DatabaseBar
from gate.verbs.database_reinit import DatabaseReinit
from gate.verbs.database_restart import DatabaseRestart
from gate.verbs.database_switchover import DatabaseSwitchover
from gate.verbs.disk_free import DiskFree
from gate.verbs.files_restore import FilesRestore
from gate.verbs.node_fence import NodeFence
from gate.verbs.node_lock import NodeLock
from gate.verbs.node_patch import NodePatch
from gate.verbs.node_reboot import NodeReboot
from gate.verbs.node_unfence import NodeUnfence
from gate.verbs.node_unlock import NodeUnlock
from gate.verbs.pacemaker_cleanup import PacemakerCleanup
from gate.verbs.pacemaker_standby import PacemakerStandby
from gate.verbs.pacemaker_unstandby import PacemakerUnstandby
from gate.verbs.package_restore import PackageRestore
from gate.verbs.pool_drain import PoolDrain
from gate.verbs.pool_return import PoolReturn
from gate.verbs.sentinel_failover import SentinelFailover
from gate.verbs.service_reload import ServiceReload
from gate.verbs.service_restart import ServiceRestart

TAKING: dict[str, TakingVerb] = {
    "service.restart": ServiceRestart(),
    "service.reload": ServiceReload(),
    "pool.drain": PoolDrain(),
    "pool.return": PoolReturn(),
    "address.decline": AddressDecline(),
    "address.accept": AddressAccept(),
    "database.switchover": DatabaseSwitchover(),
    "database.restart": DatabaseRestart(),
    "database.reinit": DatabaseReinit(),
    "database.bar": DatabaseBar(),
    "database.admit": DatabaseAdmit(),
    "sentinel.failover": SentinelFailover(),
    "pacemaker.cleanup": PacemakerCleanup(),
    "pacemaker.standby": PacemakerStandby(),
    "pacemaker.unstandby": PacemakerUnstandby(),
    "disk.free": DiskFree(),
    "files.restore": FilesRestore(),
    "package.restore": PackageRestore(),
    "node.reboot": NodeReboot(),
    "node.lock": NodeLock(),
    "node.unlock": NodeUnlock(),
    "node.patch": NodePatch(),
    "node.fence": NodeFence(),
    "node.unfence": NodeUnfence(),
}
"""Verbs that touch the node: one at a time, spaced, and never under a hold."""

SETTLE = action_settle.NAME
"""Touches only the ledger, so it passes under a hold and beside a running verb."""

KNOWN = (*TAKING, SETTLE)
