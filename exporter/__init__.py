"""What a node's hardware and services are doing, in Prometheus' text format."""

import sys

# Where rich happens to be installed structlog loads it, for coloured tracebacks that no exporter prints: 3 MiB of the
# memory of every node. None among the modules is one that cannot be imported, for as long as it stands there.
if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401

    del sys.modules["rich"]
