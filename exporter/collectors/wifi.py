"""Wireless devices, as node_exporter's `wifi`: what they have joined, and how well they hear whom."""

from collections.abc import Iterator

from exporter import netlink
from exporter.exposition import Family, Kind
from exporter.gathered import Devices, Sample, sample
from exporter.nl80211 import Ask, Station, Wireless, devices, family


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_wifi_{name}", Kind.GAUGE, text)


def _counter(name: str, text: str) -> Family:
    return Family(f"node_wifi_station_{name}_total", Kind.COUNTER, text)


FREQUENCY = _gauge(
    "interface_frequency_hertz", "The current frequency a WiFi interface is operating at, in hertz."
)
INFO = _gauge(
    "station_info",
    "Labeled WiFi interface station information as provided by the operating system.",
)
CONNECTED = _counter(
    "connected_seconds",
    "The total number of seconds a station has been connected to an access point.",
)
INACTIVE = _gauge(
    "station_inactive_seconds",
    "The number of seconds since any wireless activity has occurred on a station.",
)
RECEIVE_RATE = _gauge(
    "station_receive_bits_per_second",
    "The current WiFi receive bitrate of a station, in bits per second.",
)
SEND_RATE = _gauge(
    "station_transmit_bits_per_second",
    "The current WiFi transmit bitrate of a station, in bits per second.",
)
RECEIVED_BYTES = _counter("receive_bytes", "The total number of bytes received by a WiFi station.")
SENT_BYTES = _counter("transmit_bytes", "The total number of bytes transmitted by a WiFi station.")
SIGNAL = _gauge(
    "station_signal_dbm", "The current WiFi signal strength, in decibel-milliwatts (dBm)."
)
RETRIES = _counter(
    "transmit_retries",
    "The total number of times a station has had to retry while sending a packet.",
)
FAILED = _counter(
    "transmit_failed", "The total number of times a station has failed to send a packet."
)
BEACON_LOSS = _counter(
    "beacon_loss", "The total number of times a station has detected a beacon loss."
)
SENT_PACKETS = _counter(
    "transmitted_packets", "The total number of packets transmitted by a station."
)
RECEIVED_PACKETS = _counter(
    "received_packets", "The total number of packets received by a station."
)
HERTZ = 1_000_000


def wifi(ask: Ask = netlink.listed) -> Devices:
    """Return the collector's reader; it has one thing to read, which is all devices together.

    Args:
        ask: Asks the kernel for a list.
    """

    def find() -> list[str]:
        family(ask)
        return ["devices"]

    def read(_: str) -> tuple[Sample, ...]:
        return tuple(one for device in devices(ask) for one in _device(device))

    return Devices("wifi", find, read)


def _device(device: Wireless) -> Iterator[Sample]:
    yield sample(FREQUENCY, device.frequency * HERTZ, device=device.name)
    if (cell := device.cell) is not None:
        yield sample(
            INFO, 1, device=device.name, bssid=cell.address, ssid=cell.name, mode=cell.mode
        )
    for station in device.stations:
        for family_, value in _station(station):
            yield sample(family_, value, device=device.name, mac_address=station.address)


def _station(station: Station) -> tuple[tuple[Family, float], ...]:
    return (
        (CONNECTED, station.connected),
        (INACTIVE, station.inactive),
        (RECEIVE_RATE, station.receive_rate),
        (SEND_RATE, station.send_rate),
        (RECEIVED_BYTES, station.received_bytes),
        (SENT_BYTES, station.sent_bytes),
        (SIGNAL, station.signal),
        (RETRIES, station.retries),
        (FAILED, station.failed),
        (BEACON_LOSS, station.beacon_loss),
        (SENT_PACKETS, station.sent_packets),
        (RECEIVED_PACKETS, station.received_packets),
    )
