"""Virtual addresses as seen on their interfaces: what the kernel says, and a kernel that does not answer."""

import asyncio
import errno
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collector import Malformed, State
from exporter.collectors.addresses import Interfaces
from exporter.config import VirtualAddress
from exporter.rtnetlink import ADDRESS, DONE, ERROR, HEADER, NEW_ADDRESS, Address, addresses, parse
from exporter.schedule import Periodic
from tests.exporter.fakes import FakeBlocking, loop_clock

ROOT = Path(__file__).parents[2]
VIP = VirtualAddress("vip", "10.77.0.100", "host0", "lb", 51)
SIX = VirtualAddress("six", "FD00:77::0:100", "host0", "lb", 52)

# What Linux 6.18 answered about its loopback, to question 7.
FOUR = bytes.fromhex(
    "4c0000001400220007000000880f0000020880fe01000000080001007f000001080002007f000001"
    "070003006c6f0000080008008000000014000600ffffffffffffffff1400000014000000"
)
END = bytes.fromhex("140000000300220007000000880f000000000000")


def message(kind: int, body: bytes, flags: int = 2, sequence: int = 7) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def address(packed: bytes, flags: int = 0x80, local: bytes = b"") -> bytes:
    """A message about an address of interface 3; its flags are in the attribute, as since Linux 3.14."""
    body = ADDRESS.pack(2 if len(packed) == 4 else 10, 24, 0, 0, 3)
    for kind, value in ((1, packed), (2, local), (8, struct.pack("=L", flags))):
        if value:
            body += struct.pack("=HH", 4 + len(value), kind) + value
    return message(NEW_ADDRESS, body)


# --- What the kernel says -------------------------------------------------------------------


def test_a_captured_answer_and_its_end() -> None:
    assert parse(FOUR, 7).addresses == (Address(1, "127.0.0.1", True, 8),)
    assert (parse(FOUR, 7).done, parse(FOUR + END, 7).done) == (False, True)


def test_an_answer_to_another_question_is_passed_over() -> None:
    assert parse(FOUR + END, 8) == parse(b"", 8)


def test_an_address_whose_owner_is_in_doubt_is_not_usable() -> None:
    packed = bytes.fromhex("fd000077000000000000000000000100")
    usable = [parse(address(packed, flags), 7).addresses[0].usable for flags in (0x80, 0x40, 0x08)]
    assert usable == [True, False, False]


def test_of_a_line_with_a_peer_the_own_end_counts() -> None:
    (found,) = parse(address(b"\x0a\x00\x00\x02", local=b"\x0a\x00\x00\x01"), 7).addresses
    assert found == Address(3, "10.0.0.1", True, found.prefix)


def test_a_list_that_changed_while_it_was_made_says_so() -> None:
    assert parse(message(DONE, bytes(4), flags=0x12), 7).interrupted


def test_an_error_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="Operation not permitted") as caught:
        parse(message(ERROR, struct.pack("=l", -errno.EPERM) + bytes(16)), 7)
    assert caught.value.errno == errno.EPERM


@pytest.mark.parametrize(
    "data",
    [
        FOUR[:-1],
        FOUR[:10],
        FOUR + b"\0",
        message(NEW_ADDRESS, b"\0\0"),
        message(NEW_ADDRESS, bytes(8) + b"\xff\xff\x01\x00"),
        message(NEW_ADDRESS, bytes(8) + b"\x00\x00\x01\x00"),
        message(ERROR, struct.pack("=l", 1)),
        message(DONE, struct.pack("=l", -(2**31))),
    ],
)
def test_an_answer_that_cannot_be_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="netlink"):
        parse(data, 7)


@given(data=st.binary(max_size=200), cut=st.integers(0, len(FOUR)))
def test_no_bytes_whatever_bring_out_another_error(data: bytes, cut: int) -> None:
    for text in (data, FOUR[:cut] + data, message(NEW_ADDRESS, data), message(ERROR, data)):
        try:
            parse(text, 7)
        except (Malformed, OSError):
            pass


def test_this_machines_loopback_has_its_address() -> None:
    assert "127.0.0.1" in addresses("lo", (4,))
    assert "10.77.0.100" not in addresses("lo")
    assert addresses("nowhere") == frozenset()


def test_what_changes_is_seen_at_once() -> None:
    up = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]
    ended = subprocess.run(
        [*up, sys.executable, "-m", "tests.exporter.addresses_in_namespace"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 4


# --- What is made of it ---------------------------------------------------------------------


@asynccontextmanager
async def running(
    *wanted: VirtualAddress, blocking: FakeBlocking, on_it: Collection[str] = ()
) -> AsyncIterator[Periodic]:
    def look(interface: str, versions: Collection[int]) -> Collection[str]:
        assert (interface, len(versions)) == ("host0", 1)
        return on_it

    collector = Periodic(Interfaces(wanted, blocking, look), loop_clock())
    task = asyncio.create_task(collector.run())
    await collector.settled()
    yield collector
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def shown(collector: Periodic) -> list[str]:
    return [row for row in collector.latest().body.decode().splitlines() if row[0] != "#"]


@pytest.mark.looptime(start=0)
async def test_an_address_is_shown_as_it_is_declared_however_the_kernel_writes_it() -> None:
    async with running(VIP, SIX, blocking=FakeBlocking(), on_it=["fd00:77::100"]) as collector:
        assert shown(collector) == [
            'hale_virtual_address_held{address="10.77.0.100"} 0',
            'hale_virtual_address_held{address="FD00:77::0:100"} 1',
        ]


@pytest.mark.looptime(start=0)
async def test_a_node_that_is_no_candidate_has_nothing_to_show() -> None:
    async with running(blocking=FakeBlocking()) as collector:
        assert (shown(collector), collector.latest().state) == ([], State.ABSENT)


@pytest.mark.looptime(start=0)
async def test_a_kernel_that_does_not_answer_makes_the_address_unknown_and_is_asked_no_second_time() -> (
    None
):
    blocking = FakeBlocking()
    async with running(VIP, blocking=blocking, on_it=["10.77.0.100"]) as collector:
        assert shown(collector) == ['hale_virtual_address_held{address="10.77.0.100"} 1']
        answers = blocking.hang("addresses")
        await asyncio.sleep(4)
        assert collector.latest().state is State.TIMED_OUT
        await asyncio.sleep(5)
        assert shown(collector) == []
        assert blocking.started == ["addresses"] * 2
        answers.set()
        await asyncio.sleep(3)
        assert shown(collector) == ['hale_virtual_address_held{address="10.77.0.100"} 1']
