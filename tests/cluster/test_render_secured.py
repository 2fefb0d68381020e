"""What Prometheus, Alertmanager and the healer show each other, and that their own checkers accept it."""

import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.render import render
from tests.cluster.examples import HEALERS, SHORT, SOUND, TIER, WIDE
from tests.cluster.native import tool
from tests.cluster.rendering import SHORT_WAY, text_of, tree_of

BARE = "".join(
    line
    for line in SOUND.splitlines(keepends=True)
    if not line.startswith(("  webhook:", "  tls:"))
)
CLIENT_CA = "{client_ca: /etc/hale/ca, cert: /etc/hale/am.crt, key: /etc/hale/am.key}"
TLS = "tls: {cert: /etc/hale/c, key: /etc/hale/k, ca: /etc/hale/ca}"
TRUST = {"ca_file": "/etc/hale/ca"}
SHOWN = {"cert_file": "/etc/hale/am.crt", "key_file": "/etc/hale/am.key"}
BEARER = {"authorization": {"type": "Bearer", "credentials_file": "/etc/hale/t"}}
BASIC = {"basic_auth": {"username": "am", "password_file": "/etc/hale/t"}}


def secured(*lines: str) -> str:
    return BARE.replace("  mode: act\n", "".join(f"  {one}\n" for one in ("mode: act", *lines)))


@pytest.mark.parametrize(
    ("lines", "scheme", "client"),
    [
        ([], "http", None),
        (["webhook: {bearer_file: /etc/hale/t}"], "http", BEARER),
        (["webhook: {basic: {username: am, password_file: /etc/hale/t}}"], "http", BASIC),
        (["tls: {cert: /etc/hale/c, key: /etc/hale/k}"], "https", None),
        ([TLS], "https", {"tls_config": TRUST}),
        ([TLS, f"webhook: {CLIENT_CA}"], "https", {"tls_config": TRUST | SHOWN}),
        ([TLS, "webhook: {bearer_file: /etc/hale/t}"], "https", BEARER | {"tls_config": TRUST}),
    ],
)
def test_alertmanager_and_prometheus_come_as_the_healer_asks_them_to(
    lines: list[str], scheme: str, client: object
) -> None:
    tree = tree_of(secured(*lines))
    receivers = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager.yml"))["receivers"]
    (healer,) = next(one for one in receivers if one["name"] == "healer")["webhook_configs"]
    assert healer["url"] == f"{scheme}://10.0.0.10:9595/webhook"
    assert healer.get("http_config") == client
    others = [how for one in receivers for how in one.get("webhook_configs", ()) if how != healer]
    assert others
    assert not any("http_config" in how for how in others), "nobody else gets the secret"
    jobs = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/prometheus.yml"))["scrape_configs"]
    scraped = next(one for one in jobs if one["job_name"] == "healer")
    assert scraped.get("scheme", "http") == scheme
    assert scraped.get("tls_config") == (TRUST if TLS in lines else None)
    assert f"{scheme}://10.0.0.10:9595/runbooks/" in text_of(
        tree, "mon1/etc/prometheus/rules/example.yml"
    )


ASKED = """\
monitoring:
  alertmanagers: ["https://10.0.0.10:9093"]
  tls: {cert: /etc/hale/am, key: /etc/hale/amk, client_ca: /etc/hale/cca, client_cert: /etc/hale/c,
    client_key: /etc/hale/k%s}
"""


@pytest.mark.parametrize("ca", ["", ", ca: /etc/hale/ca"])
def test_an_alertmanager_that_asks_for_certificates_is_shown_one(ca: str) -> None:
    text = SOUND.replace("monitoring:\n", ASKED % ca)
    tree = tree_of(text)
    web = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager-web.yml"))
    assert web == {
        "tls_server_config": {
            "cert_file": "/etc/hale/am",
            "key_file": "/etc/hale/amk",
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": "/etc/hale/cca",
        }
    }
    arguments = text_of(tree, "mon1/etc/default/prometheus-alertmanager")
    assert "--web.config.file=/etc/prometheus/alertmanager-web.yml" in arguments
    config = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/prometheus.yml"))
    (sent,) = config["alerting"]["alertmanagers"]
    scraped = next(one for one in config["scrape_configs"] if one["job_name"] == "alertmanager")
    shown = {"cert_file": "/etc/hale/c", "key_file": "/etc/hale/k"}
    for how in (sent, scraped):
        assert how["scheme"] == "https"
        assert how["tls_config"] == shown | ({"ca_file": "/etc/hale/ca"} if ca else {})
    by_default = interpret(
        text.replace('  alertmanagers: ["https://10.0.0.10:9093"]\n', ""), "cluster.yml"
    )
    assert by_default.cluster.monitoring.alertmanagers == ("https://127.0.0.1:9093",)


@pytest.mark.tools
@pytest.mark.parametrize(
    "text",
    [SOUND, SHORT, TIER, WIDE, SHORT_WAY + HEALERS, secured(TLS, f"webhook: {CLIENT_CA}")],
    ids=range(6),
)
def test_prometheus_and_alertmanager_accept_what_is_written(text: str, tmp_path: Path) -> None:
    loaded = interpret(text, "cluster.yml")
    render(loaded, rule_files()).write(tmp_path)
    for node in loaded.cluster.monitoring.nodes:
        folder = tmp_path / node / "etc/prometheus"
        # Of clients' certificates it would look for the files, which stand on real nodes only.
        how = ["--syntax-only"] if loaded.cluster.monitoring.tls is not None else []
        argv = [tool("promtool"), "check", "config", *how, folder / "prometheus.yml"]
        subprocess.run(argv, check=True)
        subprocess.run([tool("amtool"), "check-config", folder / "alertmanager.yml"], check=True)
