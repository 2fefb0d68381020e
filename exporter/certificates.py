"""When X.509 certificates begin and end, read from their DER as far as that and no further (RFC 5280, 4.1).

Nothing is verified. Rule: what is not a certificate raises, and never has a date.
"""

import re
from base64 import b64decode
from binascii import Error
from datetime import UTC, datetime
from typing import NamedTuple

from exporter.collector import Malformed

# RFC 7468, 5; the other two words are what OpenSSL writes and reads besides (PEM_read_bio_X509).
BEGIN = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----")
PEM = re.compile(BEGIN.pattern + rb"([A-Za-z0-9+/=\s]*)-----END \1-----")

# ITU-T X.690, 8.1.2: the identifiers of what stands before the validity, and of the two kinds of time.
INTEGER, SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x02, 0x30, 0xA0, 0x17, 0x18
# RFC 5280, 4.1.2.5: both kinds are of Greenwich, with seconds and without fractions.
TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")


class Validity(NamedTuple):
    """From when to when a certificate holds, in unixtime."""

    not_before: float
    not_after: float


def of_pem(text: bytes) -> list[Validity]:
    """Return the validity of every certificate in a PEM file, in its order; keys and words between are passed over.

    Raises:
        Malformed: There is none, or one of them is none.
    """
    found: list[Validity] = []
    for _, encoded in PEM.findall(text):
        try:
            der = b64decode(b"".join(encoded.split()), validate=True)
        except Error as error:
            raise Malformed(f"certificate {len(found)} is not base64") from error
        found.append(of_der(der))
    if not found:
        raise Malformed("wanted PEM certificates (-----BEGIN CERTIFICATE-----), saw none")
    if len(found) != len(BEGIN.findall(text)):
        raise Malformed("a certificate is cut off, or has what is not base64 in it")
    return found


def of_der(der: bytes) -> Validity:
    """Return the validity of one certificate.

    Raises:
        Malformed: It is none.
    """
    certificate, _ = _taken(der, SEQUENCE)
    rest, _ = _taken(certificate, SEQUENCE)
    if rest[:1] == bytes([VERSION]):  # version 1 has no version
        _, rest = _taken(rest, VERSION)
    for before in (INTEGER, SEQUENCE, SEQUENCE):  # serialNumber, signature, issuer
        _, rest = _taken(rest, before)
    validity, _ = _taken(rest, SEQUENCE)
    begins, validity = _time(validity)
    ends, _ = _time(validity)
    return Validity(begins, ends)


def _taken(der: bytes, wanted: int) -> tuple[bytes, bytes]:
    """Take the first value: its contents, and what follows it."""
    if len(der) < 2 or der[0] != wanted:
        seen = f"{der[0]:#04x}" if der else "nothing"
        raise Malformed(f"not a certificate: wanted ASN.1 {wanted:#04x}, saw {seen}")
    size, at = der[1], 2
    if size & 0x80:  # X.690, 8.1.3.5: so many bytes of length follow
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    if at + size > len(der):
        raise Malformed(f"not a certificate: cut off, {at + size} bytes wanted of {len(der)}")
    return der[at : at + size], der[at + size :]


def _time(der: bytes) -> tuple[float, bytes]:
    short = der[:1] == bytes([UTC_TIME])
    text, rest = _taken(der, UTC_TIME if short else GENERALIZED_TIME)
    if short:  # RFC 5280, 4.1.2.5.1: 50 is 1950, and 49 is 2049
        text = (b"19" if text[:2] >= b"50" else b"20") + text
    match = TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError("not of the form YYYYMMDDHHMMSSZ")
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp(), rest
    except ValueError as error:
        raise Malformed(f"not a certificate: {text[:20]!r} is no time: {error}") from error
