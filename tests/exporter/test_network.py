"""What the collectors of networks make of their sources, beyond what was captured."""

import re
import shutil
from pathlib import Path

import pytest

from exporter.collector import Malformed, OnScrape
from exporter.collectors import (
    arp,
    ipvs,
    lnstat,
    netstat,
    sockstat,
    softnet,
    udp_queues,
)
from tests.exporter.offered import FIXTURES, body, made, values, write

NET = FIXTURES / "proc/1/net"
ARP = (NET / "arp").read_bytes()
IPVS = (NET / "ip_vs").read_bytes()
IPVS_STATS = (NET / "ip_vs_stats").read_bytes()
UDP = (NET / "udp").read_bytes()
NETSTAT = (NET / "netstat").read_bytes()
SNMP6 = (NET / "snmp6").read_bytes()
SOCKSTAT = (NET / "sockstat").read_bytes()
SOFTNET = (NET / "softnet_stat").read_bytes()


async def test_a_protocol_that_comes_while_it_runs_is_shown(tmp_path: Path) -> None:
    """As of a module that is loaded later: SCTP, or IPv6."""
    shutil.copytree(NET, tmp_path / "proc/1/net")
    (tmp_path / "proc/1/net/snmp6").unlink()
    collector = made("netstat", tmp_path)
    assert isinstance(collector, OnScrape)
    before = collector.collect()
    write(tmp_path / "proc/1/net/snmp6", "Udp6InErrors\t7\nlonely 1\n")
    after = collector.collect()
    assert b"node_netstat_Udp6_InErrors 7\n" not in before
    assert after.startswith(before)
    assert after.endswith(b"node_netstat_Udp6_InErrors 7\n")


async def test_other_fields_are_shown_where_they_are_asked_for() -> None:
    seen = await values("netstat", **{"netstat.fields": re.compile("^Tcp_MaxConn$")})
    assert seen == {"node_netstat_Tcp_MaxConn": -1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        NETSTAT[:-1],
        NETSTAT[: NETSTAT.index(b"IpExt")] + b"IpExt: InOctets\n",
        b"TcpExt: A B\nTcpExt: 1\n",
        b"TcpExt: A\nIpExt: 1\n",
        b"TcpExt: A\nTcpExt: 1-\n",
        b"TcpExt: A\nTcpExt: " + b"9" * 5000 + b"\n",
        b"\xff\x00\n\xff\x00\n",
    ],
)
def test_counters_of_protocols_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="netstat"):
        netstat.parse(data)


@pytest.mark.parametrize("data", [SNMP6[:-1], b"Ip6InOctets\n", b"Ip6InOctets x\n", b"\xff\x00\n"])
def test_counters_of_ipv6_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="snmp6"):
        netstat.parse6(data)


async def test_a_name_that_is_none_is_not_served(tmp_path: Path) -> None:
    shutil.copytree(NET, tmp_path / "proc/1/net")
    write(tmp_path / "proc/1/net/netstat", 'TcpExt: In"}Errors\nTcpExt: 1\n')
    with pytest.raises(Malformed, match="wanted names"):
        await body("netstat", tmp_path)


async def test_sockets_of_a_node_without_ipv4(tmp_path: Path) -> None:
    shutil.copytree(NET, tmp_path / "proc/1/net")
    (tmp_path / "proc/1/net/sockstat").unlink()
    seen = await values("sockstat", tmp_path)
    assert seen["node_sockstat_TCP6_inuse"] == 17
    assert "node_sockstat_sockets_used" not in seen


@pytest.mark.parametrize(
    "data",
    [
        SOCKSTAT[:-1],
        b"TCP: inuse\n",
        b"TCP: inuse 1 mem\n",
        b"TCP: inuse x\n",
        b"TCP inuse 1\n",
        b"TCP: inuse " + b"9" * 5000 + b"\n",
        b"\xff\x00\n",
    ],
)
def test_sockets_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="sockstat"):
        sockstat.parse(data)


def test_a_processor_that_is_switched_off_does_not_move_the_others() -> None:
    """Linux 5.14 and newer write the processor's number, for a line is only there while it is on."""
    row = b"%08x " * 11
    newer = b"".join(
        row % (*range(11),) + b"%08x %08x 00000000 00000000\n" % (5, cpu) for cpu in (0, 2)
    )
    seen = softnet.parse(newer)
    assert seen.cpus == (("0",), ("2",))
    assert seen.columns == [[at, at] for at in (0, 1, 2, 8, 9, 10, 5)]


def test_the_oldest_kernels_have_nine_columns() -> None:
    seen = softnet.parse(b"00000007 " * 8 + b"00000009\n")
    assert [column for (column,) in seen.columns] == [7, 7, 7, 9, 0, 0, 0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        SOFTNET[:-1],
        b"00000001 " * 8 + b"\n",
        SOFTNET + b"00000001\n",
        SOFTNET.replace(b"00049279", b"0x049279"),
        SOFTNET.replace(b"00049279", b"9" * 5000),
    ],
)
def test_processors_packets_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="softnet"):
        softnet.parse(data)


# net/ipv4/arp.c, arp_format_neigh_entry(): a tunnel's neighbour has no hardware address, or one of another form.
TUNNELS = (
    b"192.0.2.7        0x308       0x2                              *        tun%d0\n"
    b"192.0.2.8        0x30a       0x2         c0:00:02:01           *        gre1\n"
)


def test_neighbours_of_tunnels_are_counted() -> None:
    seen = arp.parse(ARP + TUNNELS)
    assert seen == {b"eth0": 3, b"eth1": 3, b"nope": 1, b"tun%d0": 1, b"gre1": 1}


async def test_neighbours_are_chosen_by_device(tmp_path: Path) -> None:
    write(tmp_path / "proc/1/net/arp", (ARP + TUNNELS).decode())
    flag = {"arp.device-exclude": re.compile("^(eth|nope)")}
    assert await values("arp", tmp_path, **flag) == {
        'node_arp_entries{device="tun%d0"}': 1,
        'node_arp_entries{device="gre1"}': 1,
    }


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", ARP[:-1], ARP[ARP.index(b"\n") + 1 :], ARP + b"192.0.2.1 eth0\n", ARP + b"\n"],
)
def test_neighbours_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="net/arp"):
        arp.parse(data)


def test_what_waits_in_all_sockets_is_added_up() -> None:
    """Of IPv6, as net/ipv6/udp.c writes it."""
    ipv6 = (
        b"  sl  local_address                         remote_address                        st tx_queue"
        b" rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
        + b"  631: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07"
        b" 00000000:00000A00 00:00000000 00000000   102        0 18231 2 0000000000000000 0\n" * 2
    )
    assert udp_queues.parse(ipv6) == (0, 2 * 0xA00)
    assert udp_queues.parse(UDP) == (0x15, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        UDP[:-1],
        UDP[UDP.index(b"\n") + 1 :],
        UDP + b"1: what\n",
        UDP.replace(b"00000015", b"0x000015"),
        UDP.replace(b"00000015", b"9" * 5000),
    ],
)
def test_queues_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="net/udp"):
        udp_queues.parse(data)


# Of a kernel that balances IPv6, and SCTP, which node_exporter takes for servers of the service above.
IPVS_MORE = (
    b"UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr \n"
    b"  -> [0000:0000:0000:0000:0000:ffff:c000:0201]:0035      Masq    1      0          7         \n"
    b"SCTP C0000201:0B59 rr \n"
    b"  -> C0000202:0B59      Route   3      2          1         \n"
)


def test_servers_of_other_protocols_are_those_of_their_own_service() -> None:
    *_, dns, sctp = ipvs.parse(IPVS + IPVS_MORE)
    assert dns.labels == ("2001:db8::1", "", "53", "UDP", "192.0.2.1", "53")
    assert sctp == ipvs.Backend(
        ("192.0.2.1", "", "2905", "SCTP", "192.0.2.2", "2905"), active=2, inactive=1, weight=3
    )


async def test_servers_that_differ_in_no_label_that_is_shown_are_added_up() -> None:
    seen = await values("ipvs", **{"ipvs.backend-labels": ipvs.labels("proto,")})
    assert seen['node_ipvs_backend_weight{proto="FWM"}'] == 120
    assert seen['node_ipvs_backend_connections_active{proto="TCP"}'] == 3 * 248 + 1499 + 1498
    seen = await values("ipvs", **{"ipvs.backend-labels": ipvs.labels("")})
    assert seen["node_ipvs_backend_weight"] == 720


def test_a_label_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown labels colour"):
        ipvs.labels("proto,colour")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        IPVS[:-1],
        IPVS[: IPVS.index(b"TCP")] + b"  -> C0A85216:0CEA Tunnel 100 248 2\n",
        IPVS.replace(b"C0A85216:0CEA", b"C0A85216", 1),
        IPVS.replace(b"C0A80016:0CEA", b"[::::]:0CEA", 1),
        IPVS.replace(b"1499", b"-1", 1),
        IPVS + b"\xff\n",
    ],
)
def test_balanced_servers_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="ip_vs"):
        list(ipvs.parse(data))


@pytest.mark.parametrize("data", [b"", b"\n\n\n\n", IPVS_STATS.replace(b"16AA370", b"16AA_70")])
def test_totals_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="ip_vs_stats"):
        ipvs.parse_totals(data)


async def test_a_device_that_does_not_know_its_speed(tmp_path: Path) -> None:
    """The kernel says -1, or refuses to say anything; node_exporter shows the first unless told otherwise."""
    write(tmp_path / "sys/class/net/tap0/speed", "-1\n")
    write(tmp_path / "sys/class/net/tap0/flags", "0x1002\n")
    write(tmp_path / "sys/class/net/bonding_masters", "\n")
    speed = 'node_network_speed_bytes{device="tap0"}'
    shown = await values("netclass", tmp_path)
    hidden = await values("netclass", tmp_path, **{"netclass.ignore-invalid-speed": True})
    assert shown[speed] == -125_000
    assert shown.keys() - hidden.keys() == {speed}
    assert any('adminstate="down"' in series for series in shown)
    assert not any("bonding_masters" in series for series in shown)


async def test_devices_are_left_out_by_name() -> None:
    seen = await values(
        "netclass", **{"netclass.ignored-devices": re.compile("^(bond|br|dmz|eth)")}
    )
    devices = {series.partition('device="')[2].partition('"')[0] for series in seen}
    assert devices == {"int", "lo"}


async def test_what_a_roce_port_counts_in_its_hardware(tmp_path: Path) -> None:
    """As mlx5 has it; a counter that the port does not have, or cannot tell, is left out."""
    port = tmp_path / "sys/class/infiniband/mlx5_0/ports/1"
    write(port / "hw_counters/lifespan", "10000\n")
    write(port / "hw_counters/out_of_sequence", "7\n")
    write(port / "hw_counters/rx_read_requests", "N/A (no PMA)\n")
    write(port / "counters/port_xmit_data", "25\n")
    write(port / "rate", "2.5 Gb/sec (1X SDR)\n")
    write(port / "state", "1: DOWN\n")
    seen = await values("infiniband", tmp_path)
    at = '{device="mlx5_0",port="1"}'
    assert {series.removesuffix(at): value for series, value in seen.items() if at in series} == {
        "node_infiniband_lifespan_seconds": 10,
        "node_infiniband_out_of_sequence_packets_received_total": 7,
        "node_infiniband_port_data_transmitted_bytes_total": 100,
        "node_infiniband_rate_bytes_per_second": 312_500_000,
        "node_infiniband_state_id": 1,
    }


async def test_a_host_port_that_is_off_has_no_counters_but_zeros(tmp_path: Path) -> None:
    """As node_exporter; and where it is on, a counter that the adapter does not have is left out."""
    host = tmp_path / "sys/class/fc_host/host0"
    write(host / "port_state", "Unknown\n")
    assert set((await values("fibrechannel", tmp_path)).values()) == {0, 1}
    write(host / "port_state", "Online\n")
    write(host / "port_name", "0x10\n")
    write(host / "statistics/tx_frames", "0xffffffffffffffff\n")
    write(host / "statistics/rx_frames", "0xff\n")
    (info, one), (frames, count) = sorted((await values("fibrechannel", tmp_path)).items())
    assert 'port_name="10"' in info
    assert (one, frames, count) == (1, 'node_fibrechannel_rx_frames_total{fc_host="host0"}', 255)


async def test_a_cache_that_comes_while_it_runs_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "proc/1/net/stat"
    write(folder / "rt_cache", "entries  in%hit\n00000001 0000000a\n".replace("%", "_"))
    collector = made("lnstat", tmp_path)
    assert isinstance(collector, OnScrape)
    before = collector.collect()
    write(folder / "arp_cache", "entries\n0000000f\n00000010\n")
    after = collector.collect()
    assert b'node_lnstat_in_hit_total{cpu="0",subsystem="rt_cache"} 10\n' in before
    assert b'node_lnstat_entries_total{cpu="1",subsystem="arp_cache"} 16\n' in after
    assert after.count(b"# TYPE node_lnstat_entries_total") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"a b\n1\n",
        b"a\nx\n",
        b"a\n1",
        b'a"}\n1\n',
        b"a a\n1 2\n",
        b"a\n" + b"9" * 5000 + b"\n",
        b"\xff\n",
    ],
)
def test_caches_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="odd"):
        lnstat.parse("odd", data)
