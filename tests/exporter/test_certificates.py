"""When certificates end: against what the openssl program makes and says, and against what is none."""

import os
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.certificates import Validity, of_der, of_pem
from exporter.collector import Absent, Malformed
from exporter.collectors.certificates import MOST_BYTES, Certificates
from exporter.config import Service
from exporter.hardware import Readings
from tests.exporter.fakes import FakeBlocking
from tests.exporter.golden import same_as_golden
from tests.exporter.made_certificates import TIMES, make, openssl

NGINX = Service("nginx", "nginx.service", "web", certificates=("/tls/chain.pem", "/tls/gone.pem"))
HAPROXY = Service("haproxy", "haproxy.service", "lb", certificates=("/tls/chain.pem",))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make(folder)
    return folder


def told(folder: Path, name: str) -> Validity:
    """What openssl says of a certificate."""
    asked = ("-noout", "-startdate", "-enddate", "-dateopt", "iso_8601")
    text = openssl("x509", "-in", f"{name}.pem", *asked, cwd=folder)
    begins, ends = (
        datetime.fromisoformat(row.partition("=")[2]).timestamp() for row in text.splitlines()
    )
    return Validity(begins, ends)


def unixtime(text: str) -> float:
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("name", [*TIMES, "rsa"])
def test_it_is_what_openssl_says(made: Path, name: str) -> None:
    assert of_pem((made / f"{name}.pem").read_bytes()) == [told(made, name)]


@pytest.mark.parametrize(("name", "times"), TIMES.items())
def test_it_is_what_was_asked_for(made: Path, name: str, times: tuple[str, str]) -> None:
    assert of_pem((made / f"{name}.pem").read_bytes()) == [Validity(*map(unixtime, times))]


def test_a_chain_has_each_of_its_certificates_and_keys_between_are_passed_over(made: Path) -> None:
    names = ("rsa", "expired", "for-ever")
    text = b"".join(
        (made / "ec.key").read_bytes() + (made / f"{name}.pem").read_bytes() for name in names
    )
    assert of_pem(text) == [told(made, name) for name in names]
    assert of_pem(text.replace(b"\n", b"\r\n")) == of_pem(text)


def test_openssls_own_kind_of_trusted_certificate_is_one(made: Path) -> None:
    openssl("x509", "-in", "far.pem", "-trustout", "-out", "trusted.pem", cwd=made)
    text = (made / "trusted.pem").read_bytes()
    assert b"BEGIN TRUSTED CERTIFICATE" in text
    assert of_pem(text) == [told(made, "far")]


def test_one_that_is_cut_off_anywhere_has_no_dates(made: Path) -> None:
    openssl("x509", "-in", "far.pem", "-outform", "DER", "-out", "far.der", cwd=made)
    der = (made / "far.der").read_bytes()
    for end in range(len(der)):
        with pytest.raises(Malformed):
            of_der(der[:end])


def test_a_second_one_that_is_cut_off_is_not_overlooked(made: Path) -> None:
    text = (made / "far.pem").read_bytes()
    with pytest.raises(Malformed, match="cut off"):
        of_pem(text + text[: text.rindex(b"-----END")])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe\x30\x82",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n",
        b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
    ],
)
def test_what_is_no_certificate_is_a_failure_and_no_date(text: bytes) -> None:
    with pytest.raises(Malformed):
        of_pem(text)


@given(st.binary(max_size=200))
def test_whatever_bytes_stand_there_it_is_a_certificate_or_a_failure(der: bytes) -> None:
    wrapped = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----" % b64encode(der)
    for read, text in ((of_der, der), (of_pem, wrapped)):
        with pytest.raises(Malformed):
            read(text)


@pytest.mark.parametrize(
    "text", [b"-----BEGIN CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----\nM"]
)
def test_a_file_made_to_take_long_does_not(text: bytes) -> None:
    with pytest.raises(Malformed):
        of_pem(text * (MOST_BYTES // len(text)))


@pytest.mark.looptime(start=0)
async def test_the_exposition_is_the_golden_one(
    made: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "tls").mkdir()
    chain = (made / "far.pem").read_bytes() + (made / "expired.pem").read_bytes()
    (tmp_path / "tls/chain.pem").write_bytes(chain)
    reader = Certificates(tmp_path, lambda: (NGINX, HAPROXY))
    shown = list[bytes]()
    await Readings(reader, FakeBlocking()).collect(shown.append)
    same_as_golden(request, "certificates", shown[-1])


@pytest.mark.looptime(start=0)
async def test_where_none_is_declared_there_is_nothing_of_the_kind(tmp_path: Path) -> None:
    reader = Certificates(tmp_path, lambda: (Service("web", "web.service", "web"),))
    with pytest.raises(Absent):
        await Readings(reader, FakeBlocking()).collect(lambda body: None)


def test_what_is_no_file_or_too_large_is_told_and_keeps_no_thread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    reader = Certificates(tmp_path, lambda: ())
    assert {reader.read(f"/{name}") for name in ("fifo", "folder", "huge", "gone")} == {()}
