"""When the certificates end that services are declared to use, from their files.

A file that cannot be read, or has no certificate in it, is `hale_service_certificate_readable` 0 and no other series:
what nobody can see must not look as if it were in order.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from exporter.certificates import Validity, of_pem
from exporter.collector import Malformed
from exporter.config import Service
from exporter.exposition import Family, Kind
from exporter.files import whole
from exporter.gathered import Sample, sample, written

NAME = "certificates"
INTERVAL = 60.0  # seconds; a renewed one is soon seen, and each reading is of a few KiB

READABLE = Family(
    "hale_service_certificate_readable",
    Kind.GAUGE,
    "Whether a declared file of certificates could be read and understood; absent while it hangs.",
)
NOT_AFTER = Family(
    "hale_service_certificate_not_after_timestamp_seconds",
    Kind.GAUGE,
    "When a certificate of the file ends, in unixtime.",
)
NOT_BEFORE = Family(
    "hale_service_certificate_not_before_timestamp_seconds",
    Kind.GAUGE,
    "When a certificate of the file begins, in unixtime.",
)

# Bytes. The bundle of all authorities of Debian has 220 KiB.
MOST_BYTES = 1024 * 1024


class Certificates:
    """Serves hale_service_certificate_*, as `hardware.in_background` reads files that may hang."""

    name = NAME

    def __init__(self, root: Path, services: Callable[[], Sequence[Service]]) -> None:
        """Read nothing yet.

        Args:
            root: The node's /.
            services: Returns those that are declared now.
        """
        self._root = root
        self._services = services

    def find(self) -> Collection[str]:
        """Return the files that are declared, each once."""
        return list(dict.fromkeys(file for s in self._services() for file in s.certificates))

    def read(self, file: str) -> tuple[Validity, ...]:
        """Return what a file's certificates say; nothing where it cannot be had."""
        try:
            return tuple(of_pem(whole(self._root / file.lstrip("/"), MOST_BYTES)))
        except (Malformed, OSError):
            return ()

    def body(self, readings: Mapping[str, tuple[Validity, ...]]) -> bytes:
        """Return the series of the files that have been read."""
        return written(
            one
            for service in self._services()
            for file in service.certificates
            if file in readings
            for one in _samples(service.name, file, readings[file])
        )


def _samples(service: str, file: str, found: Sequence[Validity]) -> list[Sample]:
    samples = [sample(READABLE, bool(found), service=service, file=file)]
    for number, one in enumerate(found):
        labels = {"service": service, "file": file, "position": str(number)}
        samples.append(sample(NOT_AFTER, one.not_after, **labels))
        samples.append(sample(NOT_BEFORE, one.not_before, **labels))
    return samples
