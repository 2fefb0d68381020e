"""Brings a running lab into the state that a drill is given, and back.

Rule: everything is written from a rendered cluster.yml, as on any node; going back is rendering the
scenario's own file again.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from cluster.document import Value, parse
from cluster.load import Loaded, interpret
from cluster.packaged import rule_files
from cluster.render import render
from lab.drills.model import ExtraService, Given, Journal
from lab.drills.reading import merged
from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab, LabError

HEALER = "hale-healer.service"
STATE = "/var/lib/hale-healer"

_METRIC = """
. /etc/default/prometheus
address=$(printf '%s' "$ARGS" | grep --only-matching 'web.listen-address=[^ ]*' | cut --delimiter== --fields=2)
metric() { curl --silent --max-time 2 "http://$address/metrics" | sed --quiet "s/^$1 //p"; }
"""
_RELOAD_PROMETHEUS = f"""{_METRIC}
loaded_at() {{ metric prometheus_config_last_reload_success_timestamp_seconds; }}
before=$(loaded_at)
systemctl reload prometheus
for _ in $(seq 100); do
  now=$(loaded_at)
  [ "${{now:-$before}}" = "$before" ] || exit 0
  sleep 0.1
done
echo "Prometheus at $address did not take its configuration up within 10 s" >&2
exit 1
"""
_KNOWS_ALERTMANAGER = f"""{_METRIC}
for _ in $(seq 150); do
  known=$(metric prometheus_notifications_alertmanagers_discovered)
  [ "${{known:-0}}" = 0 ] || exit 0
  sleep 0.1
done
echo "Prometheus at $address knows no Alertmanager 15 s after its reload" >&2
exit 1
"""

_AFTER = (
    ("etc/systemd/", ("systemctl", "daemon-reload")),
    ("etc/ssh/", ("systemctl", "reload", "ssh.service")),
    ("etc/default/prometheus", ("systemctl", "restart", "prometheus", "prometheus-alertmanager")),
    ("etc/prometheus/alertmanager.yml", ("systemctl", "reload", "prometheus-alertmanager")),
    ("etc/prometheus/", ("/bin/sh", "-ec", _RELOAD_PROMETHEUS)),
    ("etc/hale/exporter.yml", ("systemctl", "restart", "hale-exporter")),
)
"""What takes a file up, by how its path begins. The healer is started by its own step."""

_UNIT = """\
[Unit]
Description=Stands for the service {name} in a drill
StartLimitIntervalSec=60
StartLimitBurst=3

[Service]
ExecStart=/bin/sleep infinity
Restart=on-failure
RestartSec=100ms
"""

_SMALL_JOURNAL = f"""
kept=/run/hale-lab-journal
rm -rf "$kept" && cp --archive {STATE} "$kept"
mount -t tmpfs -o size=16m,mode=0700 hale-lab-journal {STATE}
chown --reference="$kept" {STATE}
cp --archive "$kept"/. {STATE}/
rm -rf "$kept"
"""
_OWN_JOURNAL = f"""
mountpoint --quiet {STATE} || exit 0
umount {STATE}
"""
_TRIES = 6  # to make a journal anew
_STORE_INIT = (
    *("runuser", "-u", "hale-healer", "--"),
    *("/opt/hale/bin/hale-healer", "store", "init", "--config", "/etc/hale/cluster.yml"),
)


def read_base(lab: Lab) -> Loaded:
    """Return the scenario's own cluster.yml.

    Raises:
        LabError: It cannot be read, or is wrong.
    """
    return _interpret((lab.scenario / "cluster.yml").read_bytes(), lab.scenario)


def overridden(base: Loaded, overrides: Value) -> Loaded:
    """Return the scenario's cluster.yml with a drill's changes laid over it.

    Raises:
        ConfigErrors: The result is no valid cluster.
    """
    if not overrides:
        return base
    document = parse(base.document.source.encode(), "cluster.yml")
    text = yaml.safe_dump(merged(document.value, overrides), sort_keys=False)
    return interpret(text, "cluster.yml with the drill's changes")


def install(lab: Lab, loaded: Loaded) -> int:
    """Write what is rendered and differs from what a node has, and have it taken up.

    Returns:
        How many files were written.

    Raises:
        LabError: A node could not be written to, or did not take it up.
    """
    written = 0
    for node in lab.nodes:
        changed = []
        for file in render(loaded, rule_files()).of(node).files:
            if _read(lab, node, file.path) != file.text.encode():
                lab.write_file(node, f"/{file.path}", file.text.encode())
                changed.append(file.path)
        for argv in _taking_up(changed):
            run(lab, node, argv, timeout=60.0)
        written += len(changed)
    return written


def prepare(lab: Lab, given: Given, base: Loaded, changed: Loaded) -> None:
    """Bring about what is given, but for a healer that is to start on a journal of another kind.

    Such a healer is stopped here and started by `start_healers`, when all else is given.

    Raises:
        LabError: Something could not be brought about; `restore` is still called.
    """
    if given.starts_healer_last:
        _stop(lab, changed.cluster.healer.nodes)
    for service in given.services:
        _add(lab, service)
    if changed is not base:
        install(lab, changed)
    for service in given.services:
        if service.failed:
            systemd.kill_until_failed(lab, service.node, _unit(service))


def start_monitoring_anew(lab: Lab, monitoring: Sequence[str]) -> None:
    """Let Prometheus and Alertmanager forget what fired before.

    Raises:
        LabError: One did not start.
    """
    for node in monitoring:
        argv = ["systemctl", "restart", "prometheus", "prometheus-alertmanager"]
        run(lab, node, argv, timeout=60.0)


def wait_until_heard(lab: Lab, monitoring: Sequence[str]) -> None:
    """Wait until what fires reaches an Alertmanager.

    For up to five seconds after a start or a reload Prometheus knows none (updatert in its discovery/manager.go). What
    fires is dropped then, and sent again only resend_delay later: a drill that begins meanwhile may hear of a symptom
    before its cause.

    Args:
        lab: Whose Prometheus may have started or been reloaded.
        monitoring: The nodes with one.

    Raises:
        LabError: One knows none in time.
    """
    for node in monitoring:
        run(lab, node, ["/bin/sh", "-ec", _KNOWS_ALERTMANAGER], timeout=60.0)


def start_healers(lab: Lab, given: Given, healers: Sequence[str]) -> None:
    """Start the healers that `prepare` stopped, on the journal that is given.

    Raises:
        LabError: One did not start.
    """
    if not given.starts_healer_last:
        return
    match given.journal:
        case Journal.EMPTY:
            _make_journal(lab, _only(healers))
        case Journal.SMALL:
            run(lab, _only(healers), ["/bin/sh", "-ec", _SMALL_JOURNAL])
        case Journal.KEPT:
            pass
    for healer in healers:
        systemd.start_again(lab, healer, HEALER)


def restore(lab: Lab, given: Given, base: Loaded, changed: Loaded) -> None:
    """Bring the lab back to its scenario.

    Raises:
        LabError: It could not be brought back; the lab should be made anew.
    """
    healers = base.cluster.healer.nodes
    if given.starts_healer_last:
        _stop(lab, healers)
        if given.journal is Journal.SMALL:
            run(lab, _only(healers), ["/bin/sh", "-ec", _OWN_JOURNAL])
    if changed is not base:
        install(lab, base)
    for service in given.services:
        _remove(lab, service)
    if given.journal is not Journal.KEPT:
        # What the drill wrote is about services that are gone, or ends before tokens that gates know.
        _make_journal(lab, _only(healers))
    if given.starts_healer_last:
        for healer in healers:
            systemd.start_again(lab, healer, HEALER)


def _stop(lab: Lab, healers: Sequence[str]) -> None:
    for healer in healers:
        run(lab, healer, ["systemctl", "stop", HEALER], timeout=60.0)


def _only(healers: Sequence[str]) -> str:
    """Return the healer whose journal is a file of its own, which only one healer has."""
    if len(healers) > 1:
        raise LabError(f"given.journal: {', '.join(healers)} have none of their own; leave it out")
    return healers[0]


def _make_journal(lab: Lab, healer: str) -> None:
    run(lab, healer, ["find", STATE, "-mindepth", "1", "-delete"])
    # It asks every gate what it has obeyed, and gives each five seconds, which a busy machine may not have.
    for _ in range(_TRIES - 1):
        if lab.exec(healer, _STORE_INIT, timeout=60.0).code == 0:
            return
    run(lab, healer, _STORE_INIT, timeout=60.0)


def _add(lab: Lab, service: ExtraService) -> None:
    text = _UNIT.format(name=service.name)
    lab.write_file(service.node, f"/etc/systemd/system/{_unit(service)}", text.encode())
    run(lab, service.node, ["systemctl", "daemon-reload"])
    run(lab, service.node, ["systemctl", "start", _unit(service)])


def _remove(lab: Lab, service: ExtraService) -> None:
    path = f"/etc/systemd/system/{_unit(service)}"
    lab.exec(service.node, ["systemctl", "stop", _unit(service)])
    lab.exec(service.node, ["systemctl", "reset-failed", _unit(service)])
    run(lab, service.node, ["rm", "--recursive", "--force", path, f"{path}.d"])
    run(lab, service.node, ["systemctl", "daemon-reload"])


def _unit(service: ExtraService) -> str:
    return f"{service.name}.service"


def _taking_up(paths: Iterable[str]) -> list[tuple[str, ...]]:
    found: dict[tuple[str, ...], None] = {}
    for path in sorted(paths):
        first = next((argv for start, argv in _AFTER if path.startswith(start)), None)
        if first is not None:
            found[first] = None
    return list(found)


def _read(lab: Lab, node: str, path: str) -> bytes | None:
    try:
        return lab.read_file(node, f"/{path}")
    except FileNotFoundError:
        return None


def _interpret(data: bytes, scenario: Path) -> Loaded:
    try:
        return interpret(data, str(scenario / "cluster.yml"))
    except OSError as exc:
        raise LabError(f"{scenario}: {exc}") from exc
