"""Puts the exporter together from one command line and one exporter.yml; nothing is connected or read yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from exporter.alerting.conditions import node_failing, service_down
from exporter.alerting.memory import Forgetful, StateFile
from exporter.alerting.peers import over_http
from exporter.alerting.shortway import Poster
from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import Background, OnScrape
from exporter.collectors.failures import Failures
from exporter.collectors.services import Services
from exporter.config import Config
from exporter.inventory import OFFERS
from exporter.offers import Declarations, Node
from exporter.reloads import EXPORTER, WEB, Reloads
from exporter.scrape import Scraper
from exporter.selfmetrics import SelfMetrics
from exporter.settings import Settings
from exporter.units import Systemd
from exporter.vrrp import Vrrp
from exporter.web_rules import WebRules


@dataclass(frozen=True, slots=True)
class Exporter:
    """Everything that was put together from one command line."""

    settings: Settings
    declared: Declarations
    scraper: Scraper
    background: tuple[Background, ...]
    rules: WebRules | None
    reloads: Reloads
    poster: Poster


def build(
    settings: Settings,
    config: Config,
    clock: Clock,
    systemd: Systemd | None,
    vrrp: Vrrp,
    state: Path | None = None,
) -> Exporter:
    """Make every collector that is on, and connect nothing yet.

    Args:
        settings: From the command line.
        config: From exporter.yml.
        clock: For ages and durations.
        systemd: Where units' states come from; None on a machine without.
        vrrp: Where the states of VRRP instances come from.
        state: The exporter's own directory; None where it has none, and then what was posted is forgotten at its end.

    Raises:
        ConfigError: web-config.yml cannot be used.
    """
    declared = Declarations(config)
    node = _node(settings, declared, clock, systemd, vrrp)
    enabled = [offer.make(node) for offer in OFFERS if offer.name in settings.enabled]
    reloads = Reloads(*_files(settings))
    poster = _poster(declared, enabled, clock, state)
    own = _own(reloads, poster) if settings.own_metrics else poster.series
    web_config, heard = settings.web_config_file, partial(reloads.note, WEB)
    return Exporter(
        settings=settings,
        declared=declared,
        scraper=Scraper(enabled, own, clock, settings.max_series),
        background=tuple(c for c in enabled if isinstance(c, Background)),
        rules=WebRules(web_config, heard) if web_config else None,
        reloads=reloads,
        poster=poster,
    )


def _node(
    settings: Settings, declared: Declarations, clock: Clock, systemd: Systemd | None, vrrp: Vrrp
) -> Node:
    return Node(
        procfs=settings.procfs,
        sysfs=settings.sysfs,
        rootfs=settings.rootfs,
        udev_data=settings.udev_data,
        kmsg=settings.kmsg,
        clock=clock,
        chosen=settings.chosen,
        declared=declared,
        systemd=systemd,
        vrrp=vrrp,
        enabled=settings.enabled,
    )


def _own(reloads: Reloads, poster: Poster) -> Callable[[], bytes]:
    process = SelfMetrics()
    return lambda: process() + reloads() + poster.series()


def _poster(
    declared: Declarations,
    enabled: Sequence[OnScrape | Background],
    clock: Clock,
    state: Path | None,
) -> Poster:
    """Make what posts by the short way, of what the enabled collectors can prove."""
    services = [one for one in enabled if isinstance(one, Services)]
    failures = [one for one in enabled if isinstance(one, Failures)]
    poster = Poster(
        declared,
        lambda: chain(
            *(service_down(one.answers()) for one in services),
            *(node_failing(one.by_the_kernel()) for one in failures),
        ),
        over_http,
        StateFile(state) if state else Forgetful(),
        Threads(),
        clock,
    )
    for service in services:
        service.follow(poster.changed)
    for failure in failures:
        failure.follow(poster.changed)
    return poster


def _files(settings: Settings) -> list[str]:
    named = ((EXPORTER, settings.config_file), (WEB, settings.web_config_file))
    return [file for file, path in named if path is not None]
