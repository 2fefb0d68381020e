"""Fibre Channel host ports, from /sys/class/fc_host, as node_exporter's `fibrechannel`.

Files: drivers/scsi/scsi_transport_fc.c. Statistics are asked of the adapter, which may never answer.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample


def _counter(name: str, text: str) -> Family:
    return Family(f"node_fibrechannel_{name}_total", Kind.COUNTER, text)


INFO = Family(
    "node_fibrechannel_info",
    Kind.GAUGE,
    "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
)
COUNTERS = {
    "dumped_frames": _counter("dumped_frames", "Number of dumped frames"),
    "error_frames": _counter("error_frames", "Number of errors in frames"),
    "invalid_crc_count": _counter("invalid_crc", "Invalid Cyclic Redundancy Check count"),
    "rx_frames": _counter("rx_frames", "Number of frames received"),
    "rx_words": _counter("rx_words", "Number of words received by host port"),
    "tx_frames": _counter("tx_frames", "Number of frames transmitted by host port"),
    "tx_words": _counter("tx_words", "Number of words transmitted by host port"),
    "seconds_since_last_reset": _counter(
        "seconds_since_last_reset", "Number of seconds since last host port reset"
    ),
    "invalid_tx_word_count": _counter(
        "invalid_tx_words", "Number of invalid words transmitted by host port"
    ),
    "link_failure_count": _counter("link_failure", "Number of times the host port link has failed"),
    "loss_of_sync_count": _counter(
        "loss_of_sync", "Number of failures on either bit or transmission word boundaries"
    ),
    "loss_of_signal_count": _counter("loss_of_signal", "Number of times signal has been lost"),
    "nos_count": _counter("nos", "Number Not_Operational Primitive Sequence received by host port"),
    "fcp_packet_aborts": _counter("fcp_packet_aborts", "Number of aborted packets"),
}
TEXTS = (
    *("speed", "port_state", "port_type", "symbolic_name"),
    *("supported_classes", "supported_speeds", "dev_loss_tmo"),
)
# Shown without their 0x.
NUMBERS = ("port_id", "port_name", "fabric_name")
# What an adapter says of a counter that it does not have.
NONE = 2**64 - 1
# Of a port in this state node_exporter says that every counter is 0.
UNKNOWN = "Unknown"


def fibrechannel(sysfs: Path) -> Devices:
    """Return the collector's reader: how host ports are found and one is read.

    Args:
        sysfs: Where /sys is.
    """
    folder = sysfs / "class/fc_host"

    def find() -> list[str]:
        found = sysfiles.entries(folder)
        if not found:
            raise Absent("fibrechannel: there is no host port")
        return [one.name for one in found]

    return Devices("fibrechannel", find, lambda host: tuple(_read(folder / host)))


def _read(folder: Path) -> Iterator[Sample]:
    texts = {name: sysfiles.text(folder / name) or "" for name in TEXTS}
    for name in NUMBERS:
        number = sysfiles.text(folder / name) or ""
        texts[name] = number[2:] if len(number) > 2 else number
    yield sample(INFO, 1, fc_host=folder.name, **texts)
    unknown = texts["port_state"] == UNKNOWN or not (folder / "port_state").exists()
    for name, family in COUNTERS.items():
        count = 0 if unknown else sysfiles.whole(folder / "statistics" / name)
        if count is not None and 0 <= count != NONE:
            yield sample(family, count, fc_host=folder.name)
