"""What the command begins with: the modules are loaded sooner, and what they are is not looked at again.

Two things make loading slow that an exporter has no use for: the collector of cycles goes through all that was loaded
again and again, and aiohttp reads the authorities of the system twice, for requests that name none.
"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where OpenSSL looks for authorities, if they are set (SSL_CTX_set_default_verify_paths(3))."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command, as `cli.main` does."""
    gc.disable()
    with _without_authorities():
        import aiohttp  # noqa: F401
    from exporter import cli

    gc.freeze()  # modules stay as long as the process
    gc.enable()
    return cli.main(argv)


@contextmanager
def _without_authorities() -> Iterator[None]:
    """Let OpenSSL find no authorities; whoever connects by TLS here names them (exporter/probes.py, alerting)."""
    before = {name: os.environ.get(name) for name in AUTHORITIES}
    os.environ.update(dict.fromkeys(AUTHORITIES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
