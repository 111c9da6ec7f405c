# SPDX-License-Identifier: Apache-2.0
"""What tokens cost that are there, and what keeping their data costs."""
import contextlib
import os
import random

from . import places, system
from .servers import Load, Odxd
from .turns import part, show, turns


def states(most):
    """Name -> live tokens; no more than @most, and named by what is there."""
    return {"none": 0, "none, again": 0,
            **{f"{n:,}": n for n in (min(of, most) for of in (1, 1000, 100000))}}

HOUR = 3600


def _hold(load, n, span):
    """@n tokens of 4 KiB each, which live until the end, 8 KiB apart in [0, @span)."""
    for at in range(0, n, 20000):
        load.step("tokens", n=min(20000, n - at), bytes="4K", stride="8K", span=span,
                  timeout=HOUR, depth=16)


def live(bench):
    """Five servers alike, with so many live tokens each; random writes to blocks that no
    token holds, in short slices, one server after the other, the order drawn anew in each
    round.  Two have no token at all: how they differ is what the measurement cannot see.
    Everything is then done again with the files given to other servers.  In memory, where no
    writing back disturbs; data is saved there as it is on a disk without reflinks."""
    if not bench.wanted("live/random writes"):
        return
    try:
        place = bench.places.get("tmpfs")
    except system.Failed:
        place = bench.places.get("disk")
    bench.results.about("live/random writes", place=place.name, most=bench.most_tokens)
    size = min(bench.size, 512 << 20)
    held = states(bench.most_tokens)
    paths = [place.file(f"live{i}") for i in range(len(held))]
    for path in paths:
        places.fill(path, size, small=True)
    dice = random.Random(7)
    for go in range(bench.passes):
        with contextlib.ExitStack() as stack:
            loads = {}
            for i, (state, n) in enumerate(held.items()):
                odxd = Odxd(bench, [(paths[(i + go) % len(paths)], "clone-size = 0")], 200000)
                stack.enter_context(odxd)
                loads[state] = stack.enter_context(Load(bench, odxd))
                _hold(loads[state], n, size // 2)
            _live_rounds(bench, loads, size, dice)
    show(bench, "live/random writes")
    for path in paths:
        os.unlink(path)


def _live_rounds(bench, loads, size, dice):
    words = {"bs": "4K", "depth": 32, "reads": 0, "start": size // 2, "span": size // 2,
             "seconds": bench.slice / 4}
    for load in loads.values():
        load.step("io", **words)
    for number in range(bench.live_rounds):
        if number >= 4 and bench.late():
            break
        order = list(loads)
        dice.shuffle(order)
        answers = {state: loads[state].step("io", **words) for state in order}
        for state in loads:
            answer = answers[state]
            bench.results.add("live/random writes", state, {
                "iops": answer["iops"], "per_op": answer["server_cpu"] / answer["ops"],
                "p50": answer["write"]["p50"], "p99": answer["write"]["p99"]})


# ---- writes to what a token holds ----

def _once(load, lun=0):
    answer = load.step("io", lun=lun, bs="4K", stride="64K", pattern="once", depth=32, reads=0)
    return {"iops": answer["iops"], "per_op": answer["server_cpu"] / answer["ops"],
            "p50": answer["write"]["p50"], "p99": answer["write"]["p99"]}


def touched(bench):
    """4 KiB to each chunk of 64 KiB of a LUN, in random order: no token; a new token over
    all of it (the first touch of each chunk); again (the later touches)."""
    for name in ("disk", "xfs", "tmpfs"):
        if not bench.wanted(f"touched/{name}"):
            continue
        with part(bench, f"touched/{name}"), contextlib.ExitStack() as stack:
            path = bench.places.get(name).file("touched")
            size = bench.size // 4
            places.fill(path, size, small=True)
            stack.callback(os.unlink, path)
            for number in range(bench.rounds):
                if number >= 2 and bench.late():
                    break
                _touched_round(bench, f"touched/{name}", path, size)
            show(bench, f"touched/{name}")


def _touched_round(bench, workload, path, size):
    with Odxd(bench, [(path, "")], 1000) as odxd, Load(bench, odxd) as load:
        _once(load)
        bench.results.add(workload, "no token", _once(load))
        load.step("rows", row="pt,rrti", bytes=size, stride=0, n=1, timeout=HOUR)
        # Where there are clones: until it is made.
        bench.pause(0.05)
        bench.results.add(workload, "first touch", _once(load))
        bench.results.add(workload, "later touches", _once(load))
    system.sync_file(path)


# ---- latency of PT, and a graft ----

def latency(bench):
    """PT of 256 MiB as 1 and as 64 ranges; WUT of 256 MiB by graft."""
    for name in ("xfs", "disk"):
        with part(bench, f"latency/{name}"), contextlib.ExitStack() as stack:
            place = bench.places.get(name)
            paths = [place.file(f"latency{i}") for i in (0, 1)]
            places.fill(paths[0], bench.size)
            places.fill(paths[1], bench.size, 0.0)
            odxd = stack.enter_context(Odxd(bench, [(p, "") for p in paths], 10000))
            load = stack.enter_context(Load(bench, odxd))
            size = bench.size // 4

            def populate(ranges):
                answer = load.step("rows", row="pt,rrti", bytes=size, stride=0, ranges=ranges,
                                   n=50, timeout=1)
                # A clone is made after the answer; it is not the next one's to wait for.
                bench.pause(1.2)
                return {"p50": answer["pt"]["p50"], "p99": answer["pt"]["p99"],
                        "per_op": answer["server_cpu"] / answer["n"]}

            def graft():
                places.punch(paths[1])
                answer = load.step("copy", bytes=size)
                return {"p50": answer["wut"]["p50"], "seconds": answer["copies"][0]}

            ways = {"PT, 1 range": lambda: populate(1), "PT, 64 ranges": lambda: populate(64)}
            if name == "xfs":
                ways["WUT by graft"] = graft
            bench.results.about(f"latency/{name}", bytes=size)
            turns(bench, f"latency/{name}", ways, min(bench.rounds, 3))
            for path in paths:
                os.unlink(path)


# ---- many ----

def _probe(load, number, held):
    """Latencies of 100 PTs (with RRTI) and of 100 WUTs of those tokens."""
    pt = load.step("tokens", n=100, bytes="4K", stride="8K", start=number * 8192 * 100,
                   span=8192 * 100, timeout=HOUR)
    wut = load.step("wut", n=100, first=held, lun=1, stride="8K", span=8192 * 100)
    return {"pt": pt["pt"]["p50"], "wut": wut["wut"]["p50"], "pt_p99": pt["pt"]["p99"],
            "wut_p99": wut["wut"]["p99"]}


def many(bench):
    """The first 100 tokens; then so many more; then 100 again, at once and in turns of both
    kinds on one server, which is started anew for each round."""
    total = bench.most_tokens
    for name in ("disk", "xfs"):
        if not bench.wanted(f"many/{name}"):
            continue
        with part(bench, f"many/{name}"):
            place = bench.places.get(name)
            paths = [place.file(f"many{i}") for i in (0, 1)]
            places.fill(paths[0], bench.size)
            places.fill(paths[1], bench.size)
            workload = f"many/{name}"
            bench.results.about(workload, tokens=total)
            for number in range(1 if bench.quick else 2):
                with Odxd(bench, [(p, "") for p in paths], total + 1000) as odxd, \
                        Load(bench, odxd) as load:
                    _many_round(bench, workload, odxd, load, total)
            for path in paths:
                os.unlink(path)
            show(bench, workload)


def _many_round(bench, workload, odxd, load, total):
    for number in range(3):
        bench.results.add(workload, "first 100", _probe(load, number, 100 * number))
    before = system.rss(odxd.pid)
    filled = load.step("tokens", n=total, bytes="4K", stride="8K", timeout=HOUR, depth=16)
    bench.pause(0.5)
    after = system.rss(odxd.pid)
    for number in range(3):
        bench.results.add(workload, "with all", _probe(load, number, 300 + total + 100 * number))
    bench.results.add(workload, "filling", {
        "rate": filled["rate"], "bytes": (after - before) / total,
        "per_op": filled["server_cpu"] / total})
