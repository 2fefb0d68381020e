"""The journal's copies: systemd-journal-upload sends them, systemd-journal-remote keeps them.

journal-upload.conf(5), journal-remote.conf(5), and the units of systemd 252 as Debian 12 has them. Rule: drop-ins
alone, so that a package's new version of its files still counts.
"""

from collections.abc import Iterator

from cluster.forwarding import COPIES, Journal
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.writing import HEADER

PORT = 19532
VACUUM = "hale-journal-vacuum"
"""Before systemd 253 journal-remote keeps within no size of its own."""


def journal_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a node needs to send its journal, or to receive the others'."""
    journal, receiver = cluster.monitoring.journal, cluster.monitoring.nodes[0]
    if journal is None:
        return
    if node == receiver and node in cluster.healer.nodes:
        yield READABLE_PATH, HEADER + _READABLE
    address = host_port(cluster.nodes[receiver].address, PORT)
    found = _receiving(journal, address) if node == receiver else _sending(journal, address)
    for path, text in found:
        yield f"etc/systemd/{path}", HEADER + text


def _sending(journal: Journal, address: str) -> Iterator[tuple[str, str]]:
    unit = "systemd-journal-upload.service"
    settings = f"[Upload]\nURL=https://{address}\n{_certificates(journal, unit)}"
    yield "journal-upload.conf.d/hale.conf", settings
    # It ends when the receiver does not answer; Debian 12's unit starts it five times within a second, and never again.
    again = "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestart=always\nRestartSec=5s\n"
    yield f"system/{unit}.d/hale.conf", f"{again}{_credential(journal)}"


def _receiving(journal: Journal, address: str) -> Iterator[tuple[str, str]]:
    unit = "systemd-journal-remote"
    certificates = _certificates(journal, f"{unit}.service")
    yield "journal-remote.conf.d/hale.conf", f"[Remote]\nSplitMode=host\n{certificates}"
    yield f"system/{unit}.service.d/hale.conf", f"[Service]\n{_credential(journal)}"
    socket = f"[Socket]\nListenStream=\nListenStream={address}\nFreeBind=yes\n"
    yield f"system/{unit}.socket.d/hale.conf", socket
    yield f"system/{VACUUM}.service", _vacuum(journal)
    yield f"system/{VACUUM}.timer", _TIMER


def _certificates(journal: Journal, unit: str) -> str:
    # The services run as users of their own, which shall not be able to read the key's file for ever.
    return (
        f"ServerKeyFile=/run/credentials/{unit}/key.pem\n"
        f"ServerCertificateFile={journal.cert}\n"
        f"TrustedCertificateFile={journal.ca}\n"
    )


def _credential(journal: Journal) -> str:
    return f"LoadCredential=key.pem:{journal.key}\n"


def _vacuum(journal: Journal) -> str:
    vacuum = f"/usr/bin/journalctl --directory={COPIES} --vacuum-size={journal.max_size}"
    return f"""\
[Unit]
Description=Hale: the oldest of the copied journals go
ConditionPathExists={COPIES}

[Service]
Type=oneshot
ExecStart={vacuum}
User=systemd-journal-remote
ProtectSystem=strict
ReadWritePaths={COPIES}
NoNewPrivileges=yes
PrivateNetwork=yes
Nice=10
IOSchedulingClass=idle
"""


READABLE_PATH = "etc/tmpfiles.d/hale-copies.conf"

# tmpfiles.d(5). The directory is as its unit's LogsDirectory= makes it, at the first line that arrives: before that it
# has to be there, so that what is made in it inherits the default entry. A group in the healer's unit would do too,
# but where that group does not exist the healer does not start.
_READABLE = f"""\
# The healer reads the copies, and of this node's own journals nothing.
d {COPIES} 0755 systemd-journal-remote systemd-journal-remote -
a+ {COPIES} - - - - u:hale-healer:r-x,d:u:hale-healer:r-x
a+ {COPIES}/*.journal - - - - u:hale-healer:r--
"""

_TIMER = f"""\
[Unit]
Description=Hale: how often {VACUUM} looks

[Timer]
OnActiveSec=1min
OnUnitActiveSec=5min

[Install]
WantedBy=timers.target
"""
