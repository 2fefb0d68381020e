"""cluster.yml as the healer needs it: the core's topology, and each adapter's own part.

Rule: with healer.declared, which makes the topology, the only module of the healer that knows the cluster's model.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from cluster.errors import ConfigErrors
from cluster.fleet_lock import FleetLock
from cluster.forwarding import COPIES
from cluster.load import load
from cluster.model import Cluster
from cluster.people import Grafana as DeclaredGrafana
from cluster.people import Proxy as DeclaredProxy
from cluster.receiving import MonitoringTls, Tls, Webhook
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.gate_ssh import SshSettings
from healer.adapters.grafana import GrafanaSettings
from healer.adapters.journal_copies import CopiesSettings
from healer.adapters.journal_file import StoreSettings
from healer.adapters.private_file import PrivateFile
from healer.adapters.probes import HttpProbe, OutsideProbe, TcpProbe
from healer.adapters.prometheus import PrometheusSettings
from healer.adapters.proxies import Proxy
from healer.adapters.second_path import ByCommand, ByUrl
from healer.adapters.senders import ByBasic, ByBearer, ByCertificate, Sender
from healer.adapters.tls_files import ShownTls, TlsFiles
from healer.core.alert import Target
from healer.core.history import Keep
from healer.core.topology import Topology
from healer.declared import topology_of
from healer.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FleetLockSettings:
    """How nodes ask for a reboot lock.

    Attributes:
        within_seconds: In which a node that got it should be back.
        shown: What they show besides their own address; None for nothing.
    """

    within_seconds: float
    shown: ByBasic | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that cluster.yml tells the healer.

    Attributes:
        keep: How long the store keeps history; with etcd, none that decides nothing any more.
        alertmanagers: Bases of every peer's URL, without a slash at the end.
        alertmanager_tls: What they are shown; None where they ask for nothing.
        probes: Those that work from the healer's node.
        second_path: None where cluster.yml names none.
        second_path_test_seconds: Between two tests of it.
        users: The file of those who may sign in on the pages; None where cluster.yml names none.
        senders: Who may post to the webhook; None for everybody.
        tls: Of the port; None for plain HTTP.
        fleet_lock: How nodes ask for a reboot lock; None where they may not.
        proxy: Signs people in before the pages; None where they come by themselves.
        grafana: Where each action becomes an annotation; None for nowhere.
        copies: Where every node's journal is copied to; None where cluster.yml asks for no copies.
        external_url: Where people reach the healer's pages, without a slash at the end.
        leader: This healer's node, which leads when pages are shown; empty where it is the only one.
        resync_seconds: Between two readings of every Alertmanager.
    """

    topology: Topology
    store: StoreSettings | EtcdSettings
    keep: Keep
    ssh: SshSettings
    prometheus: PrometheusSettings
    alertmanagers: tuple[str, ...]
    alertmanager_tls: ShownTls | None
    probes: Mapping[Target, OutsideProbe]
    second_path: ByUrl | ByCommand | None
    second_path_test_seconds: float
    users: Path | None
    senders: Sender | None
    fleet_lock: FleetLockSettings | None
    tls: TlsFiles | None
    proxy: Proxy | None
    grafana: GrafanaSettings | None
    copies: CopiesSettings | None
    external_url: str
    leader: str
    resync_seconds: float


def read(path: Path) -> Settings:
    """Read a cluster.yml as the first of its healers would, for what is the same to all of them.

    Raises:
        ConfigError: It cannot be used; the message has one line for each mistake.
    """
    return of_cluster(_load(path))


def read_as(path: Path, node: str | None, host: str = "") -> Settings:
    """Read a cluster.yml as the healer that runs on a node.

    Args:
        path: cluster.yml.
        node: Its name there; None is enough where there is one healer, or this machine is called like one.
        host: How this machine is called.

    Raises:
        ConfigError: It cannot be used, or no healer runs on that node.
    """
    cluster = _load(path)
    names = cluster.healer.nodes
    if node is None:
        node = next((one for one in (host, host.partition(".")[0]) if one in names), None)
    if node is None and len(names) > 1:
        msg = f"{path}: there are {len(names)} healers. Say which one this is: --node {' or '.join(names)}."
        raise ConfigError(msg)
    if node is not None and node not in names:
        msg = f"{path}: healer.nodes: no healer runs on {node!r}. Known: {', '.join(names)}."
        raise ConfigError(msg)
    return of_cluster(cluster, node)


def _load(path: Path) -> Cluster:
    try:
        return load(path)
    except ConfigErrors as error:
        raise ConfigError(str(error)) from error


def of_cluster(cluster: Cluster, node: str | None = None) -> Settings:
    """Return what a loaded cluster.yml tells the healer of a node; None for the first of them."""
    healer, monitoring = cluster.healer, cluster.monitoring
    own = node or healer.nodes[0]
    escalate = healer.escalate
    return Settings(
        topology=topology_of(cluster, own),
        store=_store(cluster),
        keep=_keep(cluster),
        ssh=SshSettings(
            {node.name: (node.address, healer.ssh_port) for node in cluster.nodes.values()},
            Path(healer.key),
            Path(healer.known_hosts),
        ),
        prometheus=PrometheusSettings(
            monitoring.prometheus.rstrip("/"), cluster.name, healer.guards.still_true.max_age
        ),
        alertmanagers=tuple(url.rstrip("/") for url in monitoring.alertmanagers),
        alertmanager_tls=_shown(monitoring.tls) if monitoring.tls else None,
        probes=_probes(cluster, own),
        second_path=_second_path(escalate.url, escalate.command) if escalate else None,
        second_path_test_seconds=escalate.test_every if escalate else 0.0,
        users=Path(healer.users) if healer.users else None,
        senders=_senders(healer.webhook),
        fleet_lock=_fleet_lock(healer.fleet_lock),
        tls=_tls(healer.tls, healer.webhook),
        proxy=_proxy(healer.proxy) if healer.proxy else None,
        grafana=_grafana(healer.grafana) if healer.grafana else None,
        copies=CopiesSettings(COPIES, monitoring.nodes[0], own) if monitoring.journal else None,
        external_url=healer.external_url.rstrip("/"),
        leader=own if len(healer.nodes) > 1 else "",
        resync_seconds=healer.resync,
    )


def _shown(tls: MonitoringTls) -> ShownTls:
    ca = None if tls.ca is None else Path(tls.ca)
    return ShownTls(Path(tls.client_cert), Path(tls.client_key), ca)


def _store(cluster: Cluster) -> StoreSettings | EtcdSettings:
    store = cluster.healer.store
    if store.etcd is None:
        return StoreSettings(Path(store.sqlite), store.reserve, store.lease)
    etcd = store.etcd
    return EtcdSettings(
        endpoints=tuple(url.rstrip("/") for url in etcd.endpoints),
        prefix=etcd.prefix,
        cluster=cluster.name,
        history=Path(store.history),
        lease_seconds=store.lease,
        user=etcd.user,
        password_file=_path(etcd.password_file),
        ca=_path(etcd.ca),
        cert=_path(etcd.cert),
        key=_path(etcd.key),
        keep=Keep(**store.keep.model_dump()),
    )


def _keep(cluster: Cluster) -> Keep:
    keep = Keep(**cluster.healer.store.keep.model_dump())
    # Into etcd belongs only what still decides; each healer's own copy keeps the rest for as long.
    return keep if cluster.healer.store.etcd is None else replace(keep, healed=0.0, failed=0.0)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _senders(webhook: Webhook | None) -> Sender | None:
    if webhook is None:
        return None
    if webhook.bearer_file is not None:
        return ByBearer(Path(webhook.bearer_file))
    if webhook.basic is not None:
        return ByBasic(webhook.basic.username, Path(webhook.basic.password_file))
    return ByCertificate()


def _fleet_lock(declared: FleetLock | None) -> FleetLockSettings | None:
    if declared is None:
        return None
    basic = declared.basic
    shown = None if basic is None else ByBasic(basic.username, Path(basic.password_file))
    return FleetLockSettings(declared.within, shown)


def _tls(tls: Tls | None, webhook: Webhook | None) -> TlsFiles | None:
    if tls is None:
        return None
    ca = webhook.client_ca if webhook is not None else None
    return TlsFiles(Path(tls.cert), Path(tls.key), Path(ca) if ca is not None else None)


def _probes(cluster: Cluster, own: str) -> dict[Target, OutsideProbe]:
    found: dict[Target, OutsideProbe] = {}
    for node in cluster.nodes:
        for service in cluster.services_on(node):
            probe = cluster.probe_for(service, node)
            if probe is None or probe.command is not None:
                continue  # a command runs on the service's own node only
            # Of a tls probe the connection is tried, and the handshake left to the exporter.
            outside = _outside(probe.http, probe.tcp or probe.tls, probe.status, probe.timeout)
            # A loopback address means the service's node to the exporter, and ours to us.
            if not _is_loopback(outside) or node == own:
                found[Target(node, service.name)] = outside
    return found


def _outside(http: str | None, tcp: str | None, status: int, timeout: float) -> OutsideProbe:
    if http is not None:
        return HttpProbe(http, status, timeout)
    host, _, port = str(tcp).rpartition(":")
    return TcpProbe(host.strip("[]"), int(port), timeout)


def _is_loopback(probe: OutsideProbe) -> bool:
    host = probe.host if isinstance(probe, TcpProbe) else urlsplit(probe.url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _grafana(declared: DeclaredGrafana) -> GrafanaSettings:
    return GrafanaSettings(declared.url.rstrip("/"), PrivateFile(Path(declared.token_file)))


def _proxy(declared: DeclaredProxy) -> Proxy:
    trusted = tuple(ipaddress.ip_network(one) for one in declared.trusted)
    return Proxy(trusted, declared.user_header or "", declared.role_header or "")


def _second_path(url: str | None, command: tuple[str, ...] | None) -> ByUrl | ByCommand | None:
    if url is not None:
        return ByUrl(url)
    return None if command is None else ByCommand(command)
