"""What is marked is so again after a boot, a restart and a reload, before anybody is let on."""

from pathlib import Path

from gate import pools
from gate.reapply import reapply
from tests.gate.healers import OWNER, address, pool


def test_a_new_worker_gets_the_marks_again_even_if_it_comes_late(world):
    pool(world, "pool.drain", 1)
    ticks = []

    def late(seconds: float) -> None:
        ticks.append(seconds)
        if len(ticks) == 4:
            world.balancer.reload()
        world.clock.pass_seconds(seconds)

    world.clock.sleep = late
    assert reapply(world.node, lambda: None)
    assert world.balancer.worker == 101
    assert world.balancer.admin == {"web1": "drain"}


def test_one_in_maint_stays_in_maint(world):
    pool(world, "pool.drain", 1)
    world.balancer.admin["web1"] = "maint"
    reapply(world.node, lambda: None)
    assert world.balancer.admin["web1"] == "maint"


def test_keepalived_is_let_on_once_the_track_files_are_written(world):
    address(world, "address.decline", 1)
    rule = world.config.addresses["vip"]
    Path(rule.track_file).unlink()
    seen = []
    reapply(world.node, lambda: seen.append(Path(rule.track_file).read_text()))
    assert seen == ["1\n"]


def test_what_no_mark_keeps_out_does_not_go_out_at_haproxys_next_start(world):
    pool(world, "pool.drain", 1)
    kept = Path(world.config.pools["web"].state_file)
    stale = kept.read_text()
    pool(world, "pool.return", 2, admin="drain")
    kept.write_text(stale)
    assert reapply(world.node, lambda: None)
    assert kept.read_text() == "1\n# be_id\n"
    pool(world, "pool.drain", 3, member="web2")
    kept.write_text(stale + "1 web 2 web2\n")
    assert reapply(world.node, lambda: None)
    assert kept.read_text() == "1\n# be_id\n1 web 2 web2\n"


def test_a_mark_that_comes_while_the_new_worker_starts_reaches_it_too(world):
    ticks = []

    def drained_by_the_old_one(seconds: float) -> None:
        ticks.append(seconds)
        world.clock.pass_seconds(seconds)
        if len(ticks) == 2:
            assert pools.drain(world.node, member, OWNER, 5).reason == "drained"
            world.balancer.reload()

    member = pools.member_of(world.node, "web", "web1")
    assert member is not None
    world.clock.sleep = drained_by_the_old_one
    assert reapply(world.node, lambda: None)
    assert world.balancer.admin == {"web1": "drain"}


def test_without_pools_reapply_takes_no_time(world):
    world.config.pools.clear()
    before = world.clock.boottime()
    assert reapply(world.node, lambda: None)
    assert world.clock.boottime() == before
