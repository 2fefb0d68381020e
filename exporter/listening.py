"""The sockets on which the exporter listens: those that it opens, or those that systemd opened for it.

systemd's: sd_listen_fds(3), which needs no more than three variables and file descriptors from 3 on.
"""

import errno
import os
import socket
from collections.abc import Iterable, Mapping

from exporter.settings import Address

BACKLOG = 128
"""Connections that the kernel keeps until they are looked at."""

FIRST = 3
"""The first file descriptor that systemd hands over; SD_LISTEN_FDS_START."""

INSTEAD = {
    errno.EADDRINUSE: "`ss -ltnp` shows whose it is; stop that, or choose another",
    errno.EADDRNOTAVAIL: "this machine has no such address; `ip address` shows those that it has",
    errno.EACCES: "only root may take a port below 1024; choose a higher one",
}
"""What to do about an address that cannot be listened on, by errno."""

NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def opened(addresses: Iterable[Address]) -> list[socket.socket]:
    """Listen on every address.

    Raises:
        OSError: One of them cannot be listened on; none is.
    """
    found: list[socket.socket] = []
    try:
        for address in addresses:
            found += _opened(address)
    except OSError:
        for one in found:
            one.close()
        raise
    return found


def _opened(address: Address) -> list[socket.socket]:
    """Listen on all that a name means; without IPv6 in this machine, every address means IPv4's."""
    found, wrong = list[socket.socket](), list[OSError]()
    for family, where in _meant(address):
        try:
            found.append(_listening(family, where))
        except OSError as error:
            wrong.append(error)
    fatal = [one for one in wrong if one.errno not in NO_SUCH_FAMILY]
    if fatal or not found:
        for one in found:
            one.close()
        raise _impossible(address, (fatal or wrong)[0])
    return found


def _meant(address: Address) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    try:
        infos = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise _impossible(address, error) from error
    return list(dict.fromkeys((family, where) for family, _, _, _, where in infos))


def _impossible(address: Address, error: OSError) -> OSError:
    host = address.host or ""
    shown = f"[{host}]" if ":" in host else host
    said = (error.strerror or str(error)).lower()
    instead = INSTEAD.get(error.errno or 0, "write a name or address of this machine")
    text = f"cannot listen on {shown}:{address.port}: {said}: {instead} (--web.listen-address)"
    return OSError(error.errno, text)


def _listening(family: socket.AddressFamily, where: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(where)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def handed_over(environ: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets that systemd opened; what it set for another process is ignored.

    Raises:
        OSError: There is none, or one that nobody can connect to.
    """
    ours = environ.get("LISTEN_PID", "") == str(os.getpid())
    count = environ.get("LISTEN_FDS", "")
    number = int(count) if ours and count.isdecimal() else 0
    if not number:
        raise OSError(
            "--web.systemd-socket: systemd handed over no socket. Enable hale-exporter.socket"
        )
    return [_taken(descriptor) for descriptor in range(FIRST, FIRST + number)]


def _taken(descriptor: int) -> socket.socket:
    found = socket.socket(fileno=descriptor)
    found.set_inheritable(False)
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise OSError(
            f"--web.systemd-socket: file descriptor {descriptor} is no listening stream socket. "
            "Write ListenStream=, and no Accept=yes"
        )
    return found


def port_of(listener: socket.socket) -> int:
    """Return its port; 0 for a socket in the file system."""
    where = listener.getsockname()
    return int(where[1]) if isinstance(where, tuple) else 0
