"""Certificates of services: files that the exporter's user is most likely not let read."""

from collections.abc import Iterator

from cluster.finding import Code, Finding
from cluster.subject import Check, Subject

# Debian's ssl-cert and root's own folder, and certbot's two: each is closed to whoever is not root or in its group.
_CLOSED = ("/etc/letsencrypt/archive/", "/etc/letsencrypt/live/", "/etc/ssl/private/", "/root/")


def closed(subject: Subject) -> Iterator[Finding]:
    """Find files in folders that are closed to all but root."""
    for service in subject.cluster.services.values():
        for number, file in enumerate(service.certificates):
            if file.startswith(_CLOSED):
                reason = (
                    f"{file} lies in a folder that is usually closed to the exporter's user, "
                    "so nobody would know when it ends."
                )
                remedy = "Name a copy that all may read, without the key, or let the exporter in."
                path = ("services", service.name, "certificates", number)
                yield subject.finding(Code.CLOSED_CERTIFICATE, path, reason, remedy)


CERTIFICATES: tuple[Check, ...] = (closed,)
