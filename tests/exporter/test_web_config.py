"""web-config.yml: what it may say, and every mistake in it with its place."""

import ssl
from pathlib import Path

import pytest

from exporter.config import ConfigError
from exporter.tls import CIPHERS, sans
from exporter.web_config import RateLimit, WebConfig, parse, read
from tests.healer.web.authority import Authority, Pair

HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.sign("server", server=True)


def tls(pair: Pair, *lines: str) -> str:
    """A section with a good certificate, and these lines."""
    first = (f"cert_file: {pair.cert}", f"key_file: {pair.key.name}")  # one absolute, one relative
    return "".join(("tls_server_config:\n", *(f"  {line}\n" for line in (*first, *lines))))


def problems(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "web-config.yml", folder)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "tls_server_config:\n", "{}", "basic_auth_users:"]
)
def test_a_file_that_wants_nothing_is_plain_http(text: str) -> None:
    assert parse(text, "web-config.yml", Path()) == WebConfig()


def test_everything_that_can_be_had_at_once(authority: Authority, pair: Pair) -> None:
    text = tls(
        pair,
        f"client_ca_file: {authority.ca}",
        "client_auth_type: RequireAndVerifyClientCert",
        "client_allowed_sans: [127.0.0.1, prometheus]",
        "min_version: TLS12",
        "max_version: TLS13",
        f"cipher_suites: [{', '.join(CIPHERS)}, TLS_AES_128_GCM_SHA256]",
        "curve_preferences: [CurveP384]",
        "prefer_server_cipher_suites: false",
    ) + (
        "http_server_config:\n"
        "  http2: false\n"
        "  headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=31536000}\n"
        f"basic_auth_users: {{alice: {HASH}, 'bob@x': {HASH}}}\n"
        "rate_limit: {interval: 1s, burst: 20}\n"
    )
    config = parse(text, "web-config.yml", pair.cert.parent)
    assert config.tls is not None
    assert config.context is not None
    assert config.tls.allowed_sans == {"127.0.0.1", "prometheus"}
    assert config.context.verify_mode is ssl.CERT_REQUIRED
    assert not config.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    asked = {one["name"] for one in config.context.get_ciphers() if one["protocol"] == "TLSv1.2"}
    assert asked <= set(CIPHERS.values())
    assert len(asked) == 6, "OpenSSL 3 counts those with CBC and SHA-1 as TLSv1.0"
    assert dict(config.headers) == {
        "X-Frame-Options": "sameorigin",
        "Strict-Transport-Security": "max-age=31536000",
    }
    assert config.users.keys() == {"alice", "bob@x"}
    assert config.rate == RateLimit(1.0, 20)


def test_certificate_and_key_may_stand_in_the_file_itself(authority: Authority, pair: Pair) -> None:
    def indented(path: Path) -> str:
        return path.read_text().replace("\n", "\n    ").rstrip()

    text = (
        f"tls_server_config:\n  cert: |\n    {indented(pair.cert)}\n  key: |\n    {indented(pair.key)}\n"
        f"  client_ca: |\n    {indented(authority.ca)}\n  client_auth_type: VerifyClientCertIfGiven\n"
    )
    config = parse(text, "web-config.yml", Path())
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_OPTIONAL
    assert len(config.context.get_ca_certs()) == 1


def test_without_an_authority_of_its_own_the_systems_are_believed(pair: Pair) -> None:
    text = tls(pair, "client_auth_type: RequireAndVerifyClientCert")
    config = parse(text, "web-config.yml", pair.cert.parent)
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "client_auth_type: RequireAnyClientCert",
            "4:21: tls_server_config.client_auth_type: Python's ssl takes no certificate that it cannot verify",
        ),
        (
            "client_auth_type: Please",
            "wanted one of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert, saw 'Please'",
        ),
        ("client_ca_file: ca", "no client is asked for a certificate"),
        (
            "client_allowed_sans: [a]",
            "without RequireAndVerifyClientCert a client needs no certificate at all",
        ),
        (
            "min_version: TLS10",
            "4:16: tls_server_config.min_version: wanted one of TLS12, TLS13, saw 'TLS10'",
        ),
        ("max_version: SSL30", "wanted one of TLS12, TLS13"),
        (
            "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            "4:19: tls_server_config.cipher_suites[0]: wanted one of",
        ),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "none of these is of TLS 1.2"),
        ("curve_preferences: [CurveP256, X25519]", "Python's ssl takes one curve"),
        ("curve_preferences: [P-256]", "wanted one of CurveP256"),
        ("prefer_server_cipher_suites: no", "wanted one of true, false, saw 'no'"),
        ("key: x", "3:13: tls_server_config.key_file: either this or key, not both"),
        ("ciphers: x", "4:3: tls_server_config.ciphers: unknown key. Known: cert, key"),
    ],
)
def test_what_cannot_be_had_is_refused_at_its_place(line: str, said: str, pair: Pair) -> None:
    (found,) = problems(tls(pair, line), pair.cert.parent)
    assert found.startswith("web-config.yml:")
    assert said in found


def test_versions_the_wrong_way_round_are_told(pair: Pair) -> None:
    text = tls(pair, "min_version: TLS13", "max_version: TLS12")
    assert problems(text, pair.cert.parent) == [
        "web-config.yml:4:16: tls_server_config.min_version: above max_version"
    ]


def test_every_mistake_is_told_at_once_and_no_secret_shown() -> None:
    text = (
        "tls_server_config: {min_version: TLS13}\n"
        "http_server_config: {http2: true, headers: {X-Powered-By: x, X-Frame-Options: maybe}}\n"
        "basic_auth_users: {alice: swordfish, alice: x, 'a:b': " + HASH + "}\n"
        "rate_limit: {interval: 1s}\n"
        "tls: x\n"
    )
    found = problems(text)
    assert [one.split(" ", 1)[0] for one in found] == [
        *("web-config.yml:1:20:",) * 2,
        *("web-config.yml:2:29:", "web-config.yml:2:45:", "web-config.yml:2:79:"),
        *(
            "web-config.yml:3:27:",
            "web-config.yml:3:38:",
            "web-config.yml:3:45:",
            "web-config.yml:3:55:",
        ),
        *("web-config.yml:4:13:", "web-config.yml:5:1:"),
    ]
    assert "HTTP/2 is not spoken here" in found[2]
    assert "swordfish" not in "".join(found)
    assert HASH not in "".join(found)


def test_files_that_cannot_be_used_are_told_at_their_place(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no pem\n")
    keys = f"key_file: {pair.key}"
    for cert, said in (("none", "No such file or directory"), ("bad", "OpenSSL says ")):
        (found,) = problems(f"tls_server_config: {{cert_file: {cert}, {keys}}}", tmp_path)
        assert found.startswith(
            "web-config.yml:1:32: tls_server_config.cert_file: cannot be used with the key: "
        )
        assert said in found
    more = "client_auth_type: VerifyClientCertIfGiven"
    (found,) = problems(tls(pair, more, f"client_ca_file: {tmp_path}/bad"), pair.cert.parent)
    assert found.startswith("web-config.yml:5:19: tls_server_config.client_ca_file: cannot be used")


def test_a_key_that_is_encrypted_asks_nobody(pair: Pair, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    key.write_text(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    )
    (found,) = problems(f"tls_server_config: {{cert_file: {pair.cert}, key_file: {key}}}")
    assert "the key is encrypted" in found


@pytest.mark.parametrize(
    "text", ["- a", "x", "tls_server_config: [a]", "a: &b c\nd: *b", "\x00", "["]
)
def test_what_is_no_such_file_at_all_is_told(text: str) -> None:
    assert problems(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read"):
        read(tmp_path / "none.yml")


def test_names_of_a_certificate_are_spelled_as_go_spells_them() -> None:
    names = (("DNS", "a"), ("IP Address", "192.0.2.1"), ("IP Address", "2001:DB8:0:0:0:0:0:1\n"))
    more = (("email", "a@b"), ("URI", "spiffe://x"), ("DirName", ((("commonName", "x"),),)))
    found = sans({"subjectAltName": (*names, *more)})
    assert found == {"a", "192.0.2.1", "2001:db8::1", "a@b", "spiffe://x"}
    assert sans({}) == frozenset()
