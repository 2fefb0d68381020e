"""Run schedules: `python -m tests.healer.safety --seeds 0-9999`, or one seed to see it again."""

import argparse
import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence

import structlog

from tests.healer.safety import planted
from tests.healer.safety.loop import VirtualLoop
from tests.healer.safety.simulation import Simulation
from tests.healer.safety.sites import SITES, drawn


def told(sim: Simulation) -> Iterator[str]:
    """One line for each moment: what happened to the cluster, and what the journal says."""
    lines = [(at, f"      {what}") for at, what in sim.diary]
    for one in sim.shared.records:
        said = str(one.event)
        for cut in ("verdicts=(", "labels=("):
            while cut in said:
                at = said.index(cut)
                said = said[:at] + said[said.index(")", at + len(cut)) :].lstrip(")")
        lines.append((one.at_mono - 5000.0, f"{one.seq:3} {said[:260]}"))
    for at, line in sorted(lines, key=lambda one: one[0]):
        yield f"{at:7.2f} {line}"


def run(seeds: Sequence[int], most: int, until: str, *, show: bool) -> int:
    """Run schedules one after the other; return how many were broken.

    Args:
        seeds: Of which.
        most: Broken ones after which it stops.
        until: What is said of the last one that is looked for; empty where all are.
        show: Whether to tell all of each broken one.
    """
    loop, failed, done, began = VirtualLoop(), 0, 0, time.process_time()
    asyncio.set_event_loop(loop)
    gc.disable()  # a schedule leaves little behind, and looking for it takes a tenth of the time
    for done, seed in enumerate(seeds, 1):
        if done % 200 == 0:
            gc.collect()
        sim = Simulation.of(seed, loop)
        broken = loop.run_until_complete(sim.run())
        if broken:
            failed += 1
            print(f"seed {seed}: {broken[0]}", flush=True)
            print(f"  see it again: python -m tests.healer.safety --seeds {seed} --show")
        if broken and show:
            print("\n".join(told(sim)))
        if failed >= most or (until and broken and until in broken[0]):
            break
    took = time.process_time() - began
    loop.close()
    each = 1000 * took / max(1, done)
    print(
        f"{done} schedules from seed {seeds[0]}, {failed} broken, {took:.1f} s of CPU, {each:.1f} ms each",
        flush=True,
    )
    return failed


def shared(seeds: Sequence[int], jobs: int, most: int, until: str) -> int:
    """Run schedules in several processes, one slice each; return how many processes found something."""
    began, slices = time.monotonic(), [seeds[part::jobs] for part in range(jobs)]
    children = []
    for part in slices:
        child = os.fork()
        if child == 0:
            os._exit(1 if run(part, most, until, show=False) else 0)
        children.append(child)
    broken = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    took = time.monotonic() - began
    print(
        f"{len(seeds)} schedules in {took:.0f} s on {jobs} processes, {'broken' if broken else 'none broken'}"
    )
    return broken


def main() -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a schedule
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.healer.safety", *sys.argv[1:]])  # noqa: S606 - ourselves
    parser = argparse.ArgumentParser(prog="python -m tests.healer.safety", description=__doc__)
    parser.add_argument("--seeds", default="0-999", help="one seed, or FIRST-LAST")
    parser.add_argument(
        "--site", choices=[one.name for one in SITES], help="only schedules of this cluster"
    )
    parser.add_argument("--most", type=int, default=10, help="failing seeds after which it stops")
    parser.add_argument("--until", default="", help="stop at the first failing seed that says this")
    parser.add_argument("--jobs", type=int, default=1, help="processes; 0 for one on each core")
    parser.add_argument("--show", action="store_true", help="tell all of each failing seed")
    parser.add_argument(
        "--without", default="", help="let this guard allow all, to see whether it is missed"
    )
    parser.add_argument(
        "--plant", choices=planted.FAULTS, help="let the healer make this mistake, to see the same"
    )
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    first, _, last = args.seeds.partition("-")
    seeds: Sequence[int] = range(int(first), int(last or first) + 1)
    if args.site:
        seeds = [seed for seed in seeds if drawn(seed)[0].name == args.site]
    if args.without:
        planted.without(args.without)
    if args.plant:
        planted.FAULTS[args.plant]()
    jobs = args.jobs or os.cpu_count() or 1
    if jobs > 1:
        return 1 if shared(seeds, jobs, args.most, args.until) else 0
    return 1 if run(seeds, args.most, args.until, show=args.show) else 0


if __name__ == "__main__":
    sys.exit(main())
