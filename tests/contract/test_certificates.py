"""Certificates and tls probes of cluster.yml, as the exporter of each node understands what render writes."""

from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.render import render
from exporter.config import TlsProbe
from exporter.reading import parse
from tests.cluster.examples import SOUND
from tests.cluster.rendering import text_of

HTTP = 'probe: {http: "http://{address}/"}'
TLS = 'probe: {tls: "{address}:8443"}, certificates: [/etc/ssl/web.pem, /etc/ssl/other.pem]'


def test_the_exporter_gets_the_files_and_its_own_address_to_shake_hands_with() -> None:
    assert HTTP in SOUND
    tree = render(interpret(SOUND.replace(HTTP, TLS), "cluster.yml"), rule_files())
    for node, host in (("web1", "10.0.0.11"), ("web2", "10.0.0.12")):
        config = parse(text_of(tree, f"{node}/etc/hale/exporter.yml"), "exporter.yml")
        (service,) = config.services
        assert service.certificates == ("/etc/ssl/web.pem", "/etc/ssl/other.pem")
        assert service.probe is not None
        assert service.probe.how == TlsProbe(host, 8443)
