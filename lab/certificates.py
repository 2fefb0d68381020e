"""A certificate authority of one lab, for the etcd that its healers share and for the journals that are copied.

Rule: it is made new for each lab and goes with it; nothing outside trusts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run

AUTHORITY = "authority"
HEALER = "healer"
_DAYS = "30"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The directory of a lab's certificates: `NAME.pem` and `NAME.key` each."""

    directory: Path

    def make(self, nodes: Mapping[str, str]) -> None:
        """Make the authority, the healers' certificate and one for each node.

        Args:
            nodes: Address by name. A node may be a client of the others, so its certificate is good for both.

        Raises:
            LabError: openssl(1) failed.
        """
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self._make(AUTHORITY, "-addext", "keyUsage=critical,keyCertSign")
        signed = ("-CA", self.certificate(AUTHORITY), "-CAkey", self.key(AUTHORITY),
                  "-addext", "basicConstraints=critical,CA:FALSE")  # fmt: skip
        self._make(HEALER, *signed, "-addext", "extendedKeyUsage=clientAuth")
        for node, address in nodes.items():
            usage = ("-addext", "extendedKeyUsage=serverAuth,clientAuth")
            self._make(node, *signed, *usage, "-addext", f"subjectAltName=IP:{address},DNS:{node}")

    def certificate(self, name: str) -> Path:
        """Return the file of a certificate: AUTHORITY, HEALER or a node's."""
        return self.directory / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Return the file of its private key."""
        return self.directory / f"{name}.key"

    def _make(self, name: str, *options: str | Path) -> None:
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", _DAYS, "-subj", f"/CN={name}", "-keyout", self.key(name), "-out", self.certificate(name),
            *options)  # fmt: skip
