"""What the exporter says about its own process; prometheus-client's samples are good enough here."""

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from exporter.exposition import Family, Kind, line

BUILD_INFO = Family(
    "hale_exporter_build_info", Kind.GAUGE, "Which version of the exporter runs, always 1."
)


def own_version() -> str:
    """Return the installed version, or "unknown" when run from bare files."""
    try:
        return version("hale-ha")
    except PackageNotFoundError:
        return "unknown"


def build_info(running: str) -> bytes:
    """Return the series that names the version that runs."""
    return BUILD_INFO.header() + line(BUILD_INFO.series(version=running), 1)


class SelfMetrics:
    """process_*, python_info and hale_exporter_build_info."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._build_info = build_info(own_version())

    def __call__(self) -> bytes:
        """Return them in the text format."""
        return self._build_info + generate_latest(self._registry)
