"""A store in an etcd with users and with TLS, and who is kept out of it."""

import asyncio
import datetime
import ipaddress
import itertools
from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from healer.adapters import etcd_init, etcd_upkeep
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_store import EtcdStore
from healer.adapters.etcd_wire import Get
from healer.clock import SystemClock
from healer.core.events import Frozen, Unfrozen
from healer.errors import ConfigError, Refused, Unreachable
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.etcd_real import etcd

pytestmark = pytest.mark.tools

NUMBERS = itertools.count()


def b64(text):
    return b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Run an etcd with the users root and hale; hale may read and write below /hale."""
    with etcd(tmp_path_factory.mktemp("etcd"), 1, "--auth-token-ttl=2") as found:
        ask = found.members[0].ask
        for user in ("root", "hale", "stranger"):
            ask("/v3/auth/user/add", {"name": user, "password": f"{user}-secret"})
        ask("/v3/auth/user/grant", {"user": "root", "role": "root"})
        ask("/v3/auth/role/add", {"name": "healer"})
        reach = {"key": b64("/hale/"), "range_end": b64("/hale0"), "permType": "READWRITE"}
        ask("/v3/auth/role/grant", {"name": "healer", "perm": reach})
        ask("/v3/auth/user/grant", {"user": "hale", "role": "healer"})
        ask("/v3/auth/enable")
        yield found


def signed(real, tmp_path, user="hale", prefix="/hale", password=None):
    secret = tmp_path / f"{user}.password"
    secret.write_text(f"{password or user + '-secret'}\n")
    return real.settings(
        prefix=prefix,
        user=user,
        password_file=secret,
        history=tmp_path / f"{user}.db",
        lease_seconds=15.0,
    )


async def test_a_user_leads_writes_and_outlives_its_token(guarded, tmp_path):
    settings = signed(guarded, tmp_path)
    await etcd_init.make(settings, 1, 0)
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    first = await store.append([Frozen("a", "ann")])
    await asyncio.sleep(4)  # etcd forgets tokens of which nobody heard for 2 s
    await store.renew()
    guarded.members[0].kill()  # and all of them when it is started anew
    guarded.members[0].start()
    second = await store.append([Unfrozen("ann")])
    assert await store.read() == first + second
    assert await store.room()
    await store.mark_seen(1.0)
    assert await store.last_seen() == 1.0
    await store.release()


async def test_old_revisions_are_forgotten_by_a_user_of_the_prefix_alone(guarded, tmp_path):
    settings = replace(signed(guarded, tmp_path, prefix="/hale/old"), lease_seconds=300.0)
    await etcd_init.make(settings, 1, 0)
    clock = HandClock()
    store = await EtcdStore.open(settings, clock, "mon1")
    http = EtcdHttp(settings)
    head = Get(b"/hale/old/head")
    written = await store.append([Frozen("a", "ann")])
    early = (await http.get(head, seconds=10)).revision
    for _ in range(2):
        await store.append([Unfrozen("ann")])
        clock.now += etcd_upkeep.COMPACT_SECONDS / 2 + 1
        await store.renew()
        clock.now += etcd_upkeep.COMPACT_SECONDS / 2 + 1
        await store.renew()
    with pytest.raises(Refused, match="compacted"):
        await http.get(replace(head, revision=early), seconds=10)
    assert (await store.read())[:1] == written
    await http.close()
    await store.release()


async def test_a_new_leader_forgets_at_once_what_was_old_as_its_lead_began(guarded, tmp_path):
    settings = signed(guarded, tmp_path, prefix="/hale/anew")
    await etcd_init.make(settings, 1, 0)
    http, head = EtcdHttp(settings), Get(b"/hale/anew/head")
    early = (await http.get(head, seconds=10)).revision
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    await store.renew()
    with pytest.raises(Refused, match="compacted"):
        await http.get(replace(head, revision=early), seconds=10)
    await http.close()
    await store.release()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"user": "hale", "password": "wrong"}, "does not let hale in"),
        ({"user": "nobody"}, "does not let nobody in"),
        ({"user": "stranger"}, "may not read and write below the prefix"),
        ({"user": "hale", "prefix": "/other"}, "may not read and write below the prefix"),
    ],
)
async def test_who_may_not_is_told_so_and_changes_nothing(guarded, tmp_path, changes, said):
    settings = signed(guarded, tmp_path, **changes)
    with pytest.raises(ConfigError, match=said):
        await etcd_init.make(settings, 1, 0)
    with pytest.raises(ConfigError, match=said):
        await EtcdStore.open(settings, SystemClock(), "mon1")


async def test_without_a_user_it_says_what_to_set(guarded, tmp_path):
    settings = guarded.settings(history=tmp_path / "a.db")
    with pytest.raises(ConfigError, match=r"set healer\.store\.etcd\.user"):
        await EtcdStore.open(settings, SystemClock(), "mon1")


async def test_a_password_file_that_is_missing_is_named(guarded, tmp_path):
    settings = replace(signed(guarded, tmp_path), password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="none: the password cannot be read"):
        await EtcdStore.open(settings, SystemClock(), "mon1")


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(name, self.key.public_key(), self.key, ca=True)
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def give(self, who):
        """Return the paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(who, key.public_key(), self.key, ca=False)
        paths = (self.folder / f"{self.name}-{who}.pem", self.folder / f"{self.name}-{who}.key")
        paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _signed(self, who, public, key, *, ca):
        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)]))
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .sign(key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def closed(tmp_path_factory, ours):
    """Run an etcd that wants certificates of its clients."""
    cert, key = ours.give("etcd")
    args = (
        f"--cert-file={cert}",
        f"--key-file={key}",
        f"--trusted-ca-file={ours.ca}",
        "--client-cert-auth",
    )
    with etcd(tmp_path_factory.mktemp("etcd"), 1, *args, scheme="https") as found:
        yield found


async def test_certificates_of_both_sides_are_enough_to_lead(closed, ours, tmp_path):
    cert, key = ours.give("healer")
    settings = closed.settings(ca=ours.ca, cert=cert, key=key, history=tmp_path / "a.db")
    await etcd_init.make(settings, 1, 0)
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    written = await store.append([Frozen("a", "ann")])
    await store.renew()
    assert await store.read() == written
    await store.release()


async def asked(settings):
    # A longer lease gives each attempt 2 s: on a busy machine 0.6 s are too short for a handshake.
    http = EtcdHttp(replace(settings, lease_seconds=15.0))
    try:
        return await http.get(Get(b"x"), seconds=4)
    finally:
        await http.close()


async def test_a_client_without_a_certificate_or_with_a_strangers_is_kept_out(
    closed, ours, tmp_path
):
    stranger = Authority(tmp_path, "strange").give("healer")
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        await asked(closed.settings(ca=ours.ca))
    with pytest.raises(Unreachable, match=r"(?i)ssl|certificate|tls"):
        await asked(closed.settings(ca=ours.ca, cert=stranger[0], key=stranger[1]))


async def test_a_server_of_a_strangers_authority_is_told_nothing(closed, ours, tmp_path):
    cert, key = ours.give("healer")
    strange = Authority(tmp_path, "strange").ca
    with pytest.raises(Unreachable, match="certificate verify failed"):
        await asked(closed.settings(ca=strange, cert=cert, key=key))


async def test_certificates_that_cannot_be_read_are_named(closed, tmp_path):
    with pytest.raises(ConfigError, match=r"healer\.store\.etcd: ca .*none\.pem"):
        EtcdHttp(closed.settings(ca=tmp_path / "none.pem"))
