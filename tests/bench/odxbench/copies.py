# SPDX-License-Identifier: Apache-2.0
"""Copies of a whole LUN: by token, through the client, and of the files themselves."""
import contextlib
import json
import os

from . import fio, places, system
from .servers import Load, Odxd, StorageDaemon, Tgtd
from .turns import part, server, turns

ALL_DATA = "token, all data"  # beside a copy of a file with holes
LAYOUTS = ("contiguous", "extents", "sparse", "zeros", "hole")


def prepare(path, layout, size, pieces):
    if layout == "zeros":
        places.fill_zeros(path, size)
    else:
        places.fill(path, size, {"sparse": 0.1, "hole": 0.0}.get(layout, 1.0),
                    pieces if layout == "extents" else 0)


class Pair:
    """A source and a destination of one size.  @holes: the destination is one hole before
    each copy; else it has all its blocks, so that allocation is not measured (but cp's is: it
    truncates its destination first)."""

    def __init__(self, bench, place, layout, size, holes=False):
        self.src, self.dst = place.file(f"src-{layout}-{size}"), place.file(f"dst-{size}")
        self.cp = place.file(f"cp-{size}")
        self.place, self.size, self.holes, self.checked = place, size, holes, set()
        self.sources = {}  # of the ways that copy something else than src
        if not os.path.exists(self.src):
            prepare(self.src, layout, size, bench.pieces)
        places.fill(self.dst, size, 0.0 if holes else 1.0)

    def to(self, way):
        """cp truncates what it writes to, which a target must not see."""
        return self.cp if way.startswith("cp") else self.dst

    def ready(self, way):
        if not os.path.exists(self.to(way)):
            places.fill(self.to(way), self.size, 0.0 if self.holes else 1.0)
        if self.holes:
            places.punch(self.to(way))
        elif way not in self.checked:
            self._spoil(self.to(way))

    def judge(self, way):
        """The first copy of each way is compared with its source; other data is put there
        before, so that a copy of nothing is not taken for one."""
        if way in self.checked:
            return
        self.checked.add(way)
        if not places.same(self.sources.get(way, self.src), self.to(way)):
            raise system.Failed("the copy differs from its source")

    def _spoil(self, path):
        with open(path, "r+b", buffering=0) as f:
            for off in range(0, self.size, self.size // 16):
                os.pwrite(f.fileno(), b"not the copy", off)
        system.sync_file(path)

    def remove(self):
        for path in (self.src, self.dst, self.cp):
            with contextlib.suppress(OSError):
                os.unlink(path)


def way(pair, name, go):
    """One copy as a sample: seconds until the command ends, sync: then until it is all on
    the storage, busy: CPU seconds of the whole machine meanwhile."""
    def measured():
        pair.ready(name)
        busy = system.machine_busy()
        sample = go()
        sample["sync"] = system.sync_file(pair.to(name))
        sample["busy"] = system.machine_busy() - busy
        pair.judge(name)
        return sample
    return measured


def by_token(load, **words):
    def go():
        answer = load.step("copy", **words)
        return {"seconds": answer["copies"][0], "server_cpu": answer["server_cpu"],
                "client_cpu": answer["client_cpu"], "pt": answer["pt"]["mean"],
                "wut": answer["wut"]["mean"], "commands": answer["wut"]["n"],
                "partial": answer["partial"]}
    return go


def through(target, *argv, env=None):
    """A copy that a client does, reading and writing @target."""
    def go():
        before = target.cpu()
        sample = system.timed(*argv, env=env)
        sample["server_cpu"] = target.cpu() - before
        return sample
    return go


def local(*argv):
    return lambda: system.timed(*argv)


def odxcp(bench, target):
    """Its own seconds: those of the copy, with its flush, without login and discovery."""
    def go():
        before, mine = target.cpu(), system.children_cpu()
        out = system.run(bench.odxcp, "--json", "--no-offload", target.uri(0), target.uri(1))
        return {"seconds": json.loads(out)["seconds"], "server_cpu": target.cpu() - before,
                "client_cpu": system.children_cpu() - mine}
    return go


def qemu_img(target):
    return through(target, "qemu-img", "convert", "-n", "-W", "-m", "16", "-f", "raw", "-O",
                   "raw", target.uri(0), target.uri(1))


def sgp_dd(bench, target):
    names = f"LD_SGISCSI_MAP=/dev/sg90={target.uri(0)};/dev/sg91={target.uri(1)}".split("=", 1)
    return through(target, "sgp_dd", "if=/dev/sg90", "of=/dev/sg91", "bs=512", "bpt=2048",
                   "thr=4", env={"LD_PRELOAD": bench.sgiscsi, names[0]: names[1]})


def local_ways(pair, direct, reflink):
    """The files themselves, as their file system does it."""
    if direct:
        return {"dd": local("dd", f"if={pair.src}", f"of={pair.dst}", "bs=1M", "iflag=direct",
                            "oflag=direct", "conv=notrunc", "status=none")}
    ways = {
        "cp": local("cp", "--reflink=never", "--sparse=auto", pair.src, pair.cp),
        "copy_file_range": local("xfs_io", "-c", f"copy_range -s 0 -d 0 -l {pair.size} "
                                 f"{pair.src}", pair.dst),
        "dd": local("dd", f"if={pair.src}", f"of={pair.dst}", "bs=1M", "conv=notrunc",
                    "status=none"),
    }
    if reflink:
        ways["cp --reflink"] = local("cp", "--reflink=always", pair.src, pair.cp)
    return ways


def fio_limit(path, direct, writing, seconds):
    """Bytes a second that the device gives for this file, by fio, 16 requests of 1 MiB."""
    def go():
        side = "write" if writing else "read"
        job = fio.jobs(seconds, os.path.getsize(path), *fio.files(direct), "--bs=1M",
                       "--iodepth=16", "--name=limit", f"--filename={path}", f"--rw={side}")[0]
        if writing:
            system.sync_file(path)
        return {"rate": job[side]["bw_bytes"]}
    return go


def fio_both(pair, direct, seconds):
    """The same while it reads the one file and writes the other, with 8 requests of 512 KiB
    each, as many as a copy has in flight: half of what both move, since a copy moves each
    byte twice."""
    def go():
        jobs = fio.jobs(seconds, pair.size, *fio.files(direct), "--bs=512K", "--iodepth=8",
                        "--name=read", f"--filename={pair.src}", "--rw=read",
                        "--name=write", f"--filename={pair.dst}", "--rw=write")
        system.sync_file(pair.dst)
        return {"rate": sum(job[job["jobname"]]["bw_bytes"] for job in jobs) / 2}
    return go


def odxd_words(pair, direct, clone):
    """A loop device takes O_DIRECT in blocks of its own file system only."""
    block = "block-size = 4096\n" if pair.place.kind == "xfs" else ""
    return ("direct = true\n" + block if direct else "") + ("" if clone else "clone-size = 0\n")


def measure(bench, workload, pair, direct=False, clone=True, extra=None, ways=None, full=None,
            **words):
    """By token, beside other ways.  @full: a file without holes that is copied to the same
    place, too."""
    if not bench.wanted(workload):
        return
    words_of = odxd_words(pair, direct, clone)
    luns = [pair.src, pair.dst, *([full] if full else [])]
    with Odxd(bench, [(path, words_of) for path in luns]) as odxd, Load(bench, odxd) as load:
        all_ways = {"token": by_token(load, **words), **(ways or {})}
        if full:
            pair.sources[ALL_DATA] = full
            all_ways[ALL_DATA] = by_token(load, **{"from": 2})
        bench.results.about(workload, bytes=pair.size, extents=places.extents(pair.src))
        turns(bench, workload, {**{name: way(pair, name, go) for name, go in all_ways.items()},
                                **(extra or {})})


def modes(place):
    return (("buffered", False), ("direct", True)) if place.direct else (("buffered", False),)


def copies_without_reflink(bench, place, name, layouts):
    """To a destination that has its blocks, but where holes are copied to one hole; beside
    which a file without holes is, too."""
    for layout in layouts:
        holes = layout in ("sparse", "hole")
        with part(bench, f"copy/{name}/{layout}"):
            pair = Pair(bench, place, layout, bench.size, holes)
            full = place.file("full") if layout == "sparse" else None
            if full:
                places.fill(full, bench.size)
            for mode, direct in modes(place):
                workload = f"copy/{name}/{mode}/{layout}"
                ways = local_ways(pair, direct, False) if layout == "contiguous" else {}
                if layout in ("sparse", "zeros", "hole") and not direct:
                    ways = {"cp": local_ways(pair, False, False)["cp"]}
                extra = {}
                if layout == "contiguous" and name == "disk":
                    extra = {f"fio {verb}": fio_limit(path, direct, verb == "write", bench.slice)
                             for verb, path in (("read", pair.src), ("write", pair.dst))}
                    extra["fio both"] = fio_both(pair, direct, bench.slice)
                measure(bench, workload, pair, direct, clone=False, ways=ways, extra=extra,
                        full=full)
                if layout == "contiguous":
                    measure(bench, f"copy/{name}/{mode}/ranges", pair, direct, clone=False,
                            pieces=bench.pieces)
            pair.remove()
            if full:
                os.unlink(full)


def copy_disk(bench):
    copies_without_reflink(bench, bench.places.get("disk"), "disk", LAYOUTS)


def copy_tmpfs(bench):
    copies_without_reflink(bench, bench.places.get("tmpfs"), "tmpfs",
                           ("contiguous", "sparse", "zeros", "hole"))


def copy_xfs(bench):
    place = bench.places.get("xfs")
    for layout, size in [(layout, bench.size) for layout in LAYOUTS] + [
            (layout, 4 * bench.size) for layout in ("contiguous", "extents")]:
        big = "" if size == bench.size else ", 4 times"
        with part(bench, f"copy/xfs/{layout}{big}"):
            pair = Pair(bench, place, layout, size, holes=True)
            ways = local_ways(pair, False, True) if layout in ("contiguous", "extents") else {}
            ways = {k: ways[k] for k in ("cp --reflink", "copy_file_range") if k in ways}
            measure(bench, f"copy/xfs/reflink/{layout}{big}", pair, ways=ways)
            if layout in ("contiguous", "extents"):
                # One command for all, where Windows would send one for 256 MiB.
                measure(bench, f"copy/xfs/reflink/{layout}{big}, one command", pair, step=size)
            if layout == "contiguous" and not big:
                measure(bench, "copy/xfs/reflink, direct/contiguous", pair, direct=True)
                # Last: it leaves the source shared in as many pieces.
                measure(bench, "copy/xfs/reflink/ranges", pair, pieces=bench.pieces)
            pair.remove()
    with part(bench, "copy/xfs without reflink"):
        pair = Pair(bench, place, "contiguous", bench.size)
        for mode, direct in modes(place):
            measure(bench, f"copy/xfs/{mode}/contiguous", pair, direct, clone=False,
                    ways={k: v for k, v in local_ways(pair, direct, False).items()
                          if k in ("cp", "dd")})
        pair.remove()


def client_ways(bench, stack, pair, direct):
    """Every client on every target, and the token for contrast."""
    words = odxd_words(pair, direct, True)
    ours = Odxd(bench, [(pair.src, words), (pair.dst, words)])
    stack.enter_context(ours)
    ways = {"token": by_token(stack.enter_context(Load(bench, ours))),
            "odxcp --no-offload, odxd": odxcp(bench, ours), "qemu-img, odxd": qemu_img(ours),
            "sgp_dd, odxd": sgp_dd(bench, ours)}
    bstype = "aio" if direct else "rdwr"
    tgtd = server(bench, stack, "tgtd " + bstype,
                  lambda: Tgtd(bench, [pair.src, pair.dst], bstype))
    if tgtd:
        ways.update({"odxcp --no-offload, tgtd": odxcp(bench, tgtd),
                     "qemu-img, tgtd": qemu_img(tgtd), "sgp_dd, tgtd": sgp_dd(bench, tgtd)})
    daemon = server(bench, stack, "qemu-storage-daemon",
                    lambda: StorageDaemon(bench, [pair.src, pair.dst], direct))
    if daemon:
        ways["qemu-img, qemu-storage-daemon"] = qemu_img(daemon)
    return ways


def copy_clients(bench):
    """One file served by several targets at a time: only one of them is used at a time."""
    for name in ("disk", "xfs"):
        with part(bench, f"clients/{name}"):
            place = bench.places.get(name)
            pair = Pair(bench, place, "contiguous", bench.size, holes=name == "xfs")
            for mode, direct in modes(place)[: 1 if name == "xfs" else 2]:
                with contextlib.ExitStack() as stack:
                    workload = f"clients/{name}/{mode}"
                    bench.results.about(workload, bytes=pair.size)
                    ways = client_ways(bench, stack, pair, direct)
                    extra = {"fio both": fio_both(pair, direct, bench.slice)} if direct else {}
                    turns(bench, workload,
                          {**{k: way(pair, k, go) for k, go in ways.items()}, **extra},
                          min(bench.rounds, 3))
            pair.remove()
