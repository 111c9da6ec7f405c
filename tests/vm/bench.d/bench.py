#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The measuring part of bench.sh, in the guest.

bench.py fio OURS THEIRS             two disks, the same workloads, in turns
bench.py copy URI SDA SDB SDC        LUNs 0, 1, 2 of the target: copies from 0 to 1 and to 2
"""
import json
import os
import statistics
import subprocess
import sys
import time

SECONDS = 4
RUNS = 3
WORKLOADS = [  # name, fio's rw, block size, depth
    ("4 KiB random read, depth 1", "randread", "4k", 1),
    ("4 KiB random read, depth 16", "randread", "4k", 16),
    ("4 KiB random write, depth 1", "randwrite", "4k", 1),
    ("4 KiB random write, depth 16", "randwrite", "4k", 16),
    ("1 MiB read, depth 1", "read", "1m", 1),
    ("1 MiB read, depth 4", "read", "1m", 4),
    ("1 MiB write, depth 1", "write", "1m", 1),
    ("1 MiB write, depth 4", "write", "1m", 4),
]


def fio(disk, way, block, depth):
    """Requests a second, and the mean latency in ms."""
    out = subprocess.run(
        ["fio", "--name=x", f"--filename={disk}", f"--rw={way}", f"--bs={block}",
         f"--iodepth={depth}", "--ioengine=libaio", "--direct=1", "--time_based",
         f"--runtime={SECONDS}", "--ramp_time=1", "--output-format=json", "--randseed=1"],
        check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    job = json.loads(out.stdout[out.stdout.index(b"{"):])["jobs"][0]
    side = job["read" if "read" in way else "write"]
    return side["iops"], side["lat_ns"]["mean"] / 1e6


def measure(ours, theirs):
    print("| workload | handler | fileio | throughput | latency |")
    print("|---|---|---|---|---|")
    for name, *how in WORKLOADS:
        results = [[fio(disk, *how) for disk in (ours, theirs)] for _ in range(RUNS)]
        (our_iops, our_ms), (their_iops, their_ms) = (
            [statistics.median(run[who][what] for run in results) for what in (0, 1)]
            for who in (0, 1))
        print(f"| {name} | {our_iops:.0f}/s, {our_ms:.2f} ms | {their_iops:.0f}/s, "
              f"{their_ms:.2f} ms | {our_iops / their_iops:.2f} | {our_ms / their_ms:.2f} |",
              flush=True)


def seconds(*argv):
    begin = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def dd(source, to):
    return seconds("dd", f"if={source}", f"of={to}", "bs=1M", "iflag=direct", "oflag=direct",
                   "conv=fsync,notrunc", "status=none")


def copy(uri, sda, sdb, sdc):
    ways = {
        "token, file system with reflinks": lambda: seconds("/odx/odxcp", uri + "/0", uri + "/1"),
        "initiator (odxcp --no-offload), the same":
            lambda: seconds("/odx/odxcp", "--no-offload", uri + "/0", uri + "/1"),
        "initiator (dd over tcm_loop), the same": lambda: dd(sda, sdb),
        "token, to one without reflinks": lambda: seconds("/odx/odxcp", uri + "/0", uri + "/2"),
        "initiator (odxcp --no-offload), the same ":
            lambda: seconds("/odx/odxcp", "--no-offload", uri + "/0", uri + "/2"),
        "initiator (dd over tcm_loop), the same ": lambda: dd(sda, sdc),
    }
    times = {way: [] for way in ways}
    for _ in range(RUNS):
        for way, go in ways.items():
            os.sync()
            times[way].append(go())
    print("| copy of 256 MiB | seconds | against the token |")
    print("|---|---|---|")
    for way, took in times.items():
        if way.startswith("token"):
            base = statistics.median(took)
        median = statistics.median(took)
        print(f"| {way.strip()} | {median:.2f} | {median / base:.1f} |", flush=True)


def main():
    verb, *words = sys.argv[1:]
    {"fio": measure, "copy": copy}[verb](*words)


if __name__ == "__main__":
    main()
