"""What the collectors of NFS, of client, server and mounts, make of their sources, beyond what was captured."""

from pathlib import Path

import pytest

from exporter import mountstats, rpcstats
from exporter.collector import Malformed
from tests.exporter.offered import FIXTURES, body, values, write

NET = FIXTURES / "proc/1/net"
MOUNTS = (FIXTURES / "proc/10/mountstats").read_bytes()
NFSD = (NET / "rpc/nfsd").read_bytes()


async def test_a_server_without_nfs_2_says_0_of_it(tmp_path: Path) -> None:
    """As node_exporter; and a kernel with more lines, and more methods, is no failure."""
    data = b"".join(row for row in NFSD.splitlines(True) if not row.startswith(b"proc2"))
    write(tmp_path / "proc/1/net/rpc/nfsd", data.decode() + "new 1 2 3\n")
    seen, whole = await values("nfsd", tmp_path), await values("nfsd")
    assert seen['node_nfsd_requests_total{method="GetAttr",proto="2"}'] == 0
    assert whole['node_nfsd_requests_total{method="GetAttr",proto="2"}'] == 69
    assert seen.keys() == whole.keys()


async def test_methods_that_an_old_client_does_not_know_are_0(tmp_path: Path) -> None:
    write(tmp_path / "proc/1/net/rpc/nfs", "proc4 3 7 8 9\n")
    seen = await values("nfs", tmp_path)
    assert seen['node_nfs_requests_total{method="Write",proto="4"}'] == 9
    assert seen['node_nfs_requests_total{method="Clone",proto="4"}'] == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        NFSD[:-1],
        b"rc\n",
        b"rc 1\n",
        b"rc 1 2 x\n",
        b"rc 1 2 " + b"9" * 5000 + b"\n",
        b"th 8\n",
        b"proc2 18 1 2 3\n",
        b"proc2 2 1 2\n",
        b"proc4ops 3 1 2 3\n",
        b"\xff\n",
    ],
)
async def test_calls_that_cannot_be_right_are_malformed(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "proc/1/net/rpc").mkdir(parents=True)
    (tmp_path / "proc/1/net/rpc/nfsd").write_bytes(data)
    with pytest.raises(Malformed, match="rpc"):
        await body("nfsd", tmp_path)


def test_a_server_keeps_no_histogram_of_its_threads_any_more() -> None:
    assert rpcstats.parse(b"th 8 0 0.000 0.000\n") == {b"th": [8, 0]}


# net/sunrpc: a mount with two connections (nconnect=2), one by RDMA, and one of another version of the format.
NFS = b"""\
device a:/x mounted on /a with fstype nfs4 statvers=1.1
\tage:\t5
\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)
\txprt:\ttcp 832 0 1 0 11 64 63 0 12 7 24 26 57
\txprt:\ttcp 833 0 2 0 18446744073709551615 64 63 0 12 7 24 26 57
\tper-op statistics
\t        READ: 1 2 3 4 5 6 7 8 9

device b:/x mounted on /b with fstype nfs statvers=1.1
\txprt:\trdma 0 0 1 0 11 64 63 0 12 7 1 2 3 4 5 6 7 8 9 10 11 12
\txprt:\tlocal 1 2 3
device c:/x mounted on /c with fstype nfs statvers=2.0
device d:/x mounted on /d with fstype nfs statvers=1.0
\txprt:\tudp 832 0 64 63 0 12 7
"""


def test_every_transport_is_told_as_tcp_is() -> None:
    first, rdma, udp = mountstats.parse(NFS)
    assert [mount.place for mount in (first, rdma, udp)] == [0, 1, 3]
    assert first.operations == {"READ": [1, 2, 3, 4, 5, 6, 7, 8, 9]}
    assert rdma.transports == [("rdma", [0, 0, 1, 0, 11, 64, 63, 0, 12, 7, 0, 0, 0])]
    assert udp.transports == [("udp", [832, 0, 0, 0, 0, 64, 63, 0, 12, 7, 0, 0, 0])]


async def test_each_connection_has_its_series_and_its_mount_only_one(tmp_path: Path) -> None:
    write(tmp_path / "proc/self/mountstats", NFS.decode())
    write(tmp_path / "proc/self/mountinfo", "1 1 0:5 / /d rw - nfs d:/x rw,addr=192.0.2.4\n")
    seen = await values("mountstats", tmp_path)
    ages = {series: value for series, value in seen.items() if "_age_" in series}
    assert list(ages.values()) == [5, 0, 0]
    assert any('mountaddr="192.0.2.4"' in series for series in ages)
    name = "node_mountstats_nfs_transport_connect_total"
    of_a = 'export="a:/x",mountaddr="",protocol="tcp"'
    connects = [seen[f'{name}{{{of_a},transport="{at}"}}'] for at in (0, 1)]
    assert connects == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MOUNTS[:-1],
        b"device x\n",
        MOUNTS.replace(b"mounted on", b"hung up in"),
        MOUNTS.replace(b"age:\t13968", b"age:\t-1"),
        MOUNTS.replace(b"events:\t52", b"events:\tx"),
        MOUNTS.replace(b"xprt:\ttcp 832", b"xprt:\ttcp " + b"9" * 5000),
        MOUNTS.replace(b"xprt:\ttcp 832 0 1 0 11 6428", b"xprt:\ttcp"),
    ],
)
def test_statistics_of_mounts_that_cannot_be_right_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="mountstats"):
        mountstats.parse(data)
