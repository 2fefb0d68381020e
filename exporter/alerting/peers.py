"""Opens the way to every Alertmanager, over HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from exporter.alerting.ports import Alertmanager
from exporter.config import ShortWay


@asynccontextmanager
async def over_http(way: ShortWay) -> AsyncIterator[Mapping[str, Alertmanager]]:
    """Yield every Alertmanager by its URL; nothing is connected before something is posted."""
    # Only a node that posts takes the memory for it.
    from exporter.alerting.alertmanager import HttpAlertmanager, session

    async with session() as through:
        yield {url: HttpAlertmanager(url, way.tls, through) for url in way.alertmanagers}
