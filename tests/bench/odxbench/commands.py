# SPDX-License-Identifier: Apache-2.0
"""READ and WRITE beside tgtd; token commands; reads while a copy runs."""
import contextlib
import os

from . import fio, places, system
from .copies import Pair
from .servers import Load, Odxd, StorageDaemon, Tgtd
from .turns import part, server, turns

SESSIONS = 8
FIO = "fio, no target"


def io_slices(short):
    """name, words of odxload's io."""
    slices = []
    for sessions in (1, SESSIONS):
        for verb, reads in (("read", 100), ("write", 0)):
            for depth in (1, 32):
                slices.append((f"4 KiB random {verb}, queue {depth}, {_many(sessions)}",
                               {"bs": "4K", "depth": depth, "reads": reads,
                                "sessions": sessions}))
    for sessions, depth in ((1, 8), (SESSIONS, 2)):
        for verb, reads in (("read", 100), ("write", 0)):
            slices.append((f"1 MiB {verb}, queue {depth}, {_many(sessions)}",
                           {"bs": "1M", "pattern": "seq", "depth": depth, "reads": reads,
                            "sessions": sessions}))
    if short:
        slices = [s for s in slices if s[1]["sessions"] == 1]
    return slices


def _many(sessions):
    return "1 session" if sessions == 1 else f"{sessions} sessions"


def io_sample(load, path, words, seconds):
    """@path: the file that writes are on, which is flushed after them; None: memory."""
    def go():
        answer = load.step("io", seconds=seconds, **words)
        if not answer["ops"]:
            raise system.Failed(f"no command ended within {seconds} s")
        latency = answer.get("read") or answer["write"]
        if words["reads"] == 0 and path:
            system.sync_file(path)
        return {"iops": answer["iops"], "rate": answer["bytes"] / answer["seconds"],
                "seconds": answer["seconds"], "per_op": answer["server_cpu"] / answer["ops"],
                "client_per_op": answer["client_cpu"] / answer["ops"], "p50": latency["p50"],
                "p99": latency["p99"], "p999": latency["p999"], "max": latency["max"]}
    return go


def _fio(path, words, seconds, *where):
    """fio's numbers of one side of a load, as it says them."""
    kind = ("rand" if words["bs"] == "4K" else "") + ("read" if words["reads"] else "write")
    job = fio.jobs(seconds, os.path.getsize(path), *where, f"--rw={kind}", f"--bs={words['bs']}",
                   f"--iodepth={words['depth']}", "--name=io")[0]
    side = job["read" if words["reads"] else "write"]
    if not words["reads"]:
        system.sync_file(path)
    if not side["total_ios"]:
        raise system.Failed("fio did no request")
    at = side["clat_ns"]["percentile"]
    return {"iops": side["iops"], "rate": side["bw_bytes"], "seconds": seconds,
            "ops": side["total_ios"],
            "fio_cpu": (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1e3,
            "p50": at["50.000000"] / 1e3, "p99": at["99.000000"] / 1e3}


def fio_io(daemon, path, words, seconds):
    """The same by fio, from qemu-storage-daemon through NBD: another client, another
    protocol; its CPU a command is what compares."""
    def go():
        before = daemon.cpu()
        sample = _fio(path, words, seconds, "--ioengine=nbd", f"--uri={daemon.uri(0)}")
        return {**sample, "per_op": (daemon.cpu() - before) / sample["ops"]}
    return go


def fio_alone(path, words, seconds):
    """The same on the file itself, by O_DIRECT and without any target: what the disk gives."""
    def go():
        sample = _fio(path, words, seconds, *fio.files(direct=True), f"--filename={path}")
        return {**sample, "per_op": sample["fio_cpu"] / sample["ops"]}
    return go


def io_beside_tgtd(bench, name, place, direct, short):
    """All targets serve one file, one of them at a time: what lies where in the page cache and
    on the disk is the same for all."""
    path = place.file("io")
    places.fill(path, bench.size, small=True)
    bstype = "aio" if direct else "rdwr"
    with contextlib.ExitStack() as stack:
        stack.callback(os.unlink, path)
        loads = {"odxd": stack.enter_context(Odxd(bench, [(path, "direct = true" if direct
                                                           else "")]))}
        tgtd = server(bench, stack, "tgtd " + bstype, lambda: Tgtd(bench, [path], bstype))
        if tgtd:
            loads[f"tgtd {bstype}"] = tgtd
        loads = {k: stack.enter_context(Load(bench, v, SESSIONS)) for k, v in loads.items()}
        daemon = None if short else server(
            bench, stack, "qemu-storage-daemon", lambda: StorageDaemon(bench, [path], direct))
        for what, words in io_slices(short):
            turns(bench, f"io/{name}/{what}",
                  {k: io_sample(v, path, words, bench.slice) for k, v in loads.items()})
            if daemon and words["sessions"] == 1 and bench.size == 1 << 30:
                turns(bench, f"io/{name}/{what}", {
                    "qemu-storage-daemon, by fio": fio_io(daemon, path, words, 1)}, 2)
            if direct and words["sessions"] == 1:
                turns(bench, f"io/{name}/{what}", {FIO: fio_alone(path, words, bench.slice)}, 2)


def io_cached(bench):
    io_beside_tgtd(bench, "disk, cached", bench.places.get("disk"), False, False)


def io_direct(bench):
    io_beside_tgtd(bench, "disk, direct", bench.places.get("disk"), True, False)


def io_tmpfs(bench):
    io_beside_tgtd(bench, "tmpfs", bench.places.get("tmpfs"), False, True)


def io_xfs(bench):
    io_beside_tgtd(bench, "xfs, cached", bench.places.get("xfs"), False, True)


# ---- ways of receiving ----

def receives(bench):
    """The same memory LUN with multishot receives and without: what comes from storage is the
    same, and nothing."""
    with contextlib.ExitStack() as stack:
        loads = {}
        for way, config in (("multishot", ""), ("single", "multishot-after = 0")):
            odxd = stack.enter_context(Odxd(bench, [(f"mem:{way}", "size = 64M")], 256, config))
            loads[way] = stack.enter_context(Load(bench, odxd, SESSIONS))
            loads[way].step("io", lun=0, bs="1M", pattern="once", reads=0, depth=4)
        for what, words in io_slices(False):
            turns(bench, f"receives/{what}",
                  {k: io_sample(v, None, words, bench.slice) for k, v in loads.items()})


# ---- token commands ----

def rows_sample(load, **words):
    def go():
        answer = load.step("rows", **words)
        return {"rate": answer["rate"], "seconds": answer["seconds"],
                "per_op": answer["server_cpu"] / answer["n"],
                "client_per_op": answer["client_cpu"] / answer["n"],
                "p50": answer["row"]["p50"], "p99": answer["row"]["p99"]}
    return go


def rates(bench):
    """PT of 1 MiB of data, RRTI, and the zero token written to 1 MiB of a hole; 8 such rows
    in flight on one session.  Each token lives for a second, so that what its end costs is
    in it."""
    for name in ("disk", "xfs", "tmpfs", "memory"):
        with part(bench, f"rates/{name}"), contextlib.ExitStack() as stack:
            if name == "memory":
                luns = [f"mem:rates{i}" for i in (0, 1)]
                words = f"size = {bench.size >> 20}M"
            else:
                place = bench.places.get(name)
                luns, words = [place.file(f"rates{i}") for i in (0, 1)], ""
                places.fill(luns[0], bench.size)
                places.fill(luns[1], bench.size, 0.0)
            odxd = stack.enter_context(Odxd(bench, [(path, words) for path in luns], 1 << 20,
                                            bench.one_reactor))
            load = stack.enter_context(Load(bench, odxd))
            if name == "memory":
                load.step("io", lun=0, bs="1M", pattern="once", reads=0, depth=4)
            common = {"seconds": bench.slice, "timeout": 1, "to": 1}
            turns(bench, f"rates/{name}", {
                "triples": rows_sample(load, row="pt,rrti,zero", depth=8, **common),
                "triples, one at a time": rows_sample(load, row="pt,rrti,zero", depth=1,
                                                      **common),
                "POPULATE TOKEN": rows_sample(load, row="pt", depth=8, **common),
                "PT and RRTI": rows_sample(load, row="pt,rrti", depth=8, **common),
                "zero-token WUT": rows_sample(load, row="zero", depth=8, **common)},
                min(bench.rounds, 3))
            for path in luns:
                with contextlib.suppress(OSError):
                    os.unlink(path)


# ---- reads while a copy runs ----

def _reads(bench, load, depth, seconds):
    answer = load.step("io", lun=2, bs="4K", depth=depth, seconds=seconds)
    return {"iops": answer["iops"], **{k: answer["read"][k] for k in ("p50", "p99", "p999")}}


def while_copying(bench, load, copier, pair, depth):
    """The copy has begun before the reads, and ends after them."""
    def go():
        copier.start("copy", seconds=bench.slice * 1.5 + 0.2)
        bench.pause(0.1)
        sample = _reads(bench, load, depth, bench.slice)
        answer = copier.finish()
        sample["copy_rate"] = pair.size * len(answer["copies"]) / sum(answer["copies"])
        system.sync_file(pair.dst)
        return sample
    return go


def copy_alone(bench, copier, pair):
    def go():
        answer = copier.step("copy", seconds=bench.slice)
        system.sync_file(pair.dst)
        return {"copy_rate": pair.size * len(answer["copies"]) / sum(answer["copies"])}
    return go


def foreground(bench):
    """One session reads a LUN; another one keeps copying two others, with the settings as
    they come: no reflink, so the data is moved."""
    place = bench.places.get("disk")
    pair = Pair(bench, place, "contiguous", bench.size)
    other = place.file("foreground")
    places.fill(other, bench.size, small=True)
    for mode, direct in (("cached", ""), ("direct", "direct = true\n")):
        words = direct + "clone-size = 0\n"
        with part(bench, f"foreground/{mode}"), contextlib.ExitStack() as stack:
            odxd = stack.enter_context(
                Odxd(bench, [(path, words) for path in (pair.src, pair.dst, other)]))
            load, copier = (stack.enter_context(Load(bench, odxd)) for _ in range(2))
            for depth in (1, 32):
                turns(bench, f"foreground/{mode}, queue {depth}", {
                    "idle": lambda d=depth: _reads(bench, load, d, bench.slice),
                    "while copying": while_copying(bench, load, copier, pair, depth),
                    **({"copy alone": copy_alone(bench, copier, pair)} if depth == 1 else {})})
    pair.remove()
    os.unlink(other)
