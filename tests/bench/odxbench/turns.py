# SPDX-License-Identifier: Apache-2.0
"""Several ways to do one thing, in turns: A B A B."""
import contextlib

from . import stats
from .system import Failed

MIN_ROUNDS = 2


def turns(bench, workload, ways, rounds=None):
    """Runs every way once in each round and keeps the samples.  A way that fails is told of
    and left out from there.  Rounds beyond the second are left out when time runs short."""
    if not bench.wanted(workload):
        return
    alive = dict(ways)
    rounds = rounds or bench.rounds
    for number in range(rounds):
        if number >= MIN_ROUNDS and bench.late():
            bench.results.about(workload, rounds_left_out=rounds - number)
            break
        for way, go in list(alive.items()):
            try:
                sample = go()
            except (Failed, OSError) as e:
                bench.skip(f"{workload}: {way}", str(e))
                del alive[way]
                continue
            bench.results.add(workload, way, sample)
    show(bench, workload)


def show(bench, workload):
    """A line for each way while the run goes on."""
    for way, keys in bench.results.ways(workload).items():
        said = []
        for key, text in (("seconds", "{:.4f} s"), ("iops", "{:.0f}/s"), ("rate", "{:.0f}/s"),
                          ("p50", "p50 {:.0f} us"), ("p99", "p99 {:.0f} us")):
            if keys.get(key) and not (key == "seconds" and ("iops" in keys or "rate" in keys)):
                said.append(text.format(stats.median(keys[key])))
        if keys.get("per_op"):
            said.append(f"{stats.median(keys['per_op']) * 1e6:.2f} us CPU")
        bench.say(f"    {workload}: {way}: {', '.join(said) or keys}")


def server(bench, stack, what, make):
    """A server for the time of @stack; None, and told, when it does not start."""
    try:
        return stack.enter_context(make())
    except Failed as e:
        bench.skip(what, str(e))
        return None


@contextlib.contextmanager
def part(bench, what):
    """A part whose failure is told and ends only itself; its files go."""
    before = bench.places.files()
    try:
        yield
    except (Failed, OSError) as e:
        bench.skip(what, str(e))
        bench.places.keep_only(before)
