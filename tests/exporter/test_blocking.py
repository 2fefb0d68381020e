"""Threads that may never come back."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from exporter import blocking
from exporter.blocking import StillRunning, Threads, TooMany


async def give_up(call: "asyncio.Task[object]", started: threading.Event) -> None:
    """Cancel a call once its thread is at work."""
    await asyncio.to_thread(started.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_an_answer_and_an_error_come_through() -> None:
    threads = Threads()
    assert await threads.call("sum", lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        await threads.call("sum", lambda: 1 // 0)
    assert threads.running == frozenset()


async def test_a_stuck_thread_is_never_doubled_and_holds_up_nobody_else() -> None:
    threads, started, go_on = Threads(), threading.Event(), threading.Event()

    def stuck() -> bool:
        started.set()
        return go_on.wait()

    call: asyncio.Task[object] = asyncio.ensure_future(threads.call("nfs", stuck))
    await give_up(call, started)
    with pytest.raises(StillRunning, match="nfs"):
        await threads.call("nfs", lambda: True)
    assert threads.running == {"nfs"}
    assert await threads.call("root", lambda: "fine") == "fine"
    go_on.set()


async def test_stuck_threads_are_bounded_and_a_place_is_given_back() -> None:
    threads, started, go_on = Threads(limit=1), threading.Event(), threading.Event()

    def stuck() -> bool:
        started.set()
        return go_on.wait()

    call: asyncio.Task[object] = asyncio.ensure_future(threads.call("nfs", stuck))
    await give_up(call, started)
    waiting = asyncio.ensure_future(threads.call("root", lambda: "fine"))
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    assert await waiting == "fine"
    assert await threads.call("nfs", lambda: "back") == "back"


async def test_a_reserved_key_never_waits_for_a_place() -> None:
    """Or one hung mount too many would keep the mount table from being read."""
    threads, started, go_on = (
        Threads(limit=1, reserved={"table"}),
        threading.Event(),
        threading.Event(),
    )

    def stuck() -> bool:
        started.set()
        return go_on.wait()

    call: asyncio.Task[object] = asyncio.ensure_future(threads.call("nfs", stuck))
    await give_up(call, started)
    for _ in range(2):  # its place is given back too
        assert await threads.call("table", lambda: "read") == "read"
    go_on.set()


async def test_a_wait_for_a_place_can_be_given_up() -> None:
    threads, started, go_on = Threads(limit=1), threading.Event(), threading.Event()

    def stuck() -> bool:
        started.set()
        return go_on.wait()

    first = asyncio.ensure_future(threads.call("nfs", stuck))
    await asyncio.to_thread(started.wait)
    second = asyncio.ensure_future(threads.call("root", lambda: "fine"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert threads.running == {"nfs"}
    go_on.set()
    assert await first is True


async def test_what_comes_back_too_late_is_told_and_what_comes_in_time_is_not() -> None:
    late, started, go_on = asyncio.Event(), threading.Event(), threading.Event()
    threads = Threads(late=late.set)
    assert await threads.call("root", lambda: "fine") == "fine"
    assert not late.is_set()

    def stuck() -> bool:
        started.set()
        return go_on.wait()

    call: asyncio.Task[object] = asyncio.ensure_future(threads.call("nfs", stuck))
    await give_up(call, started)
    go_on.set()
    await late.wait()
    assert threads.running == frozenset()


async def test_all_together_have_so_many_threads_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocking, "_places", threading.BoundedSemaphore(1))
    here, there, go_on = Threads(), Threads(), threading.Event()
    first = asyncio.ensure_future(here.call("nfs", go_on.wait))
    await asyncio.sleep(0)
    with pytest.raises(TooMany, match="have not come back"):
        await there.call("root", lambda: "fine")
    go_on.set()
    assert await first is True
    assert await there.call("root", lambda: "fine") == "fine"


async def test_a_thread_apart_has_none_of_the_open_files_and_all_others_have_them(
    tmp_path: Path,
) -> None:
    with (tmp_path / "ours").open("w") as ours:
        threads = Threads(apart=True)
        for _ in range(2):
            with pytest.raises(OSError, match="Bad file descriptor"):
                await threads.call("fstat", lambda: os.fstat(ours.fileno()))
        assert await threads.call("of its own", (tmp_path / "ours").read_text) == ""
        await Threads().call("fstat", lambda: os.fstat(ours.fileno()))
        ours.write("still open")
    assert (tmp_path / "ours").read_text() == "still open"
