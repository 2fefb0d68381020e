"""How an etcd and the store in it are, as far as it can be asked."""

from dataclasses import dataclass, replace

from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, Keys, gaps_of
from healer.adapters.etcd_lead import Scene, look
from healer.adapters.etcd_reading import records
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_wire import Get
from healer.errors import Refused, Unreachable

SECONDS = 5.0
"""For each question."""


@dataclass(frozen=True, slots=True)
class Member:
    """One etcd member.

    Attributes:
        url: As cluster.yml has it.
        problem: Why it does not answer, or what it complains of; empty where neither.
        version: None, as the rest, where it does not answer.
        leads: Whether it takes itself for etcd's leader.
        size_bytes: Of its file.
        used_bytes: Of that, what is in use; the rest comes back by defragmenting.
    """

    url: str
    problem: str
    version: str | None = None
    leads: bool | None = None
    size_bytes: int | None = None
    used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class EtcdFound:
    """What could be learnt.

    Attributes:
        problem: Why nobody can lead on it; empty where one can.
        scene: None where no majority answers.
        lease_left: Seconds; None where nobody leads.
    """

    problem: str
    members: tuple[Member, ...]
    scene: Scene | None = None
    lease_left: float | None = None
    open_incidents: int | None = None


async def read_etcd(settings: EtcdSettings) -> EtcdFound:
    """Ask every member, and the store.

    Raises:
        ConfigError: etcd does not let us in, or there is no store of ours below the prefix.
    """
    http = EtcdHttp(settings)
    try:
        members = tuple([await _member(http, url) for url in settings.endpoints])
        try:
            return await _store(http, settings, members)
        except Unreachable as error:
            return EtcdFound(f"no majority of etcd answers: {error}", members)
    finally:
        await http.close()


async def _store(http: EtcdHttp, settings: EtcdSettings, members: tuple[Member, ...]) -> EtcdFound:
    scene = await look(http, settings, SECONDS)
    found = EtcdFound(_complaint(members, settings), members, scene)
    incidents = await _open_incidents(http, Keys(settings.prefix), scene.head)
    return replace(found, lease_left=await _left(http, scene), open_incidents=incidents)


def _complaint(members: tuple[Member, ...], settings: EtcdSettings) -> str:
    if any("NOSPACE" in one.problem for one in members):
        return "etcd has the alarm NOSPACE: nothing can be written and nobody can take the lead"
    if any((one.size_bytes or 0) >= settings.most_database_bytes for one in members):
        return f"etcd's file has reached {settings.most_database_bytes} bytes: nothing new is begun"
    return ""


async def _member(http: EtcdHttp, url: str) -> Member:
    try:
        told = await http.ask_member(url, "/v3/maintenance/status", seconds=SECONDS)
        return Member(
            url=url,
            problem="; ".join(str(one) for one in told.get("errors", [])),
            version=str(told["version"]),
            leads=told.get("leader") == told["header"]["member_id"],  # left out in an election
            size_bytes=int(told["dbSize"]),
            used_bytes=int(told.get("dbSizeInUse", told["dbSize"])),
        )
    except Unreachable as error:
        return Member(url, str(error))
    except (KeyError, ValueError, TypeError) as error:
        return Member(url, f"its answer is none of etcd's: {error!r}")


async def _left(http: EtcdHttp, scene: Scene) -> float | None:
    if scene.leader is None:
        return None
    try:
        told = await http.ask("/v3/lease/timetolive", {"ID": str(scene.lease)}, seconds=SECONDS)
        return float(told.get("TTL", 0))
    except (Refused, ValueError, TypeError):
        return None


async def _open_incidents(http: EtcdHttp, keys: Keys, head: HeadKey) -> int:
    """Count the incidents that are in etcd and not over."""
    noted = await http.get(Get(keys.gaps), seconds=SECONDS)
    gaps = gaps_of(noted.one())
    begun: set[str] = set()
    over: set[str] = set()
    async for rows in records(http, keys, 1, head.seq, lambda: SECONDS):
        for row in rows:
            if row.incident is None or any(one.first <= row.seq <= one.last for one in gaps):
                continue
            (over if row.kind == "incident_closed" else begun).add(row.incident)
    return len(begun - over)
