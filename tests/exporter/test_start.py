import json
import os
import subprocess
import sys

from exporter.inventory import OFFERS
from exporter.offers import Offer

# Ends the command where it would begin to serve, and says what stands there then.
LOOK = """
import gc, json, os, sys
from exporter import start
with start._without_authorities():
    import aiohttp
from aiohttp import connector
from exporter import cli
cli.main = lambda argv: print(json.dumps({
    "authorities": connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509_ca"],
    "environment": {name: os.environ.get(name) for name in start.AUTHORITIES},
    "collecting": gc.isenabled(), "frozen": gc.get_freeze_count(), "argv": argv,
})) or 7
sys.exit(start.main(["--some-flag"]))
"""


def look(**environment: str) -> dict[str, object]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SSL_")}
    answer = subprocess.run(
        [sys.executable, "-c", LOOK], env=bare | environment, capture_output=True, check=False
    )
    assert answer.returncode == 7, answer.stderr
    return dict(json.loads(answer.stdout))


LOADED = """
import sys
from exporter import cli
print(*(name for name in sys.modules if name.startswith("exporter.")))
"""


def module(offer: Offer) -> str:
    """Return where a collector stands: it has its name, as part of another's without that."""
    return f"exporter.collectors.{offer.name.rpartition('.')[2].replace('-', '_')}"


def test_the_command_runs_with_what_was_loaded_frozen_and_cycles_collected() -> None:
    seen = look()
    assert seen["collecting"]
    assert int(str(seen["frozen"])) > 10_000
    assert seen["argv"] == ["--some-flag"]


def test_nobodys_authorities_are_read_and_the_environment_is_as_it_was() -> None:
    file = "/etc/ssl/certs/ca-certificates.crt"
    assert look()["environment"] == {"SSL_CERT_FILE": None, "SSL_CERT_DIR": None}
    seen = look(SSL_CERT_FILE=file)
    assert seen["environment"] == {"SSL_CERT_FILE": file, "SSL_CERT_DIR": None}
    assert seen["authorities"] == 0


def test_what_is_off_by_default_is_not_loaded() -> None:
    answer = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    loaded = set(answer.stdout.decode().split())
    off = {module(offer) for offer in OFFERS if not offer.default}
    assert off & loaded == {"exporter.collectors.sysctl"}
    assert {module(offer) for offer in OFFERS if offer.default} <= loaded
    assert "exporter.failures.command" not in loaded
