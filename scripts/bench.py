#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The measuring part of scripts/bench; runs inside odxd --run.

bench.py DIR RUNS RESULTS: DIR has source.img (LUN 0) and copy.img (LUN 1) of the
target $uri; the figures go to RESULTS/*.json.
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

DIR, RUNS, RESULTS = sys.argv[1], int(sys.argv[2]), sys.argv[3]
URI = os.environ["uri"]
SOURCE = os.path.join(DIR, "source.img")
COPY = os.path.join(DIR, "copy.img")
LOCAL = os.path.join(DIR, "local.img")


def timed(*argv):
    start = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return {"seconds": time.monotonic() - start}


def odxcp(*options):
    """The whole process is timed; odxcp's own figures are kept beside it."""
    start = time.monotonic()
    out = subprocess.run([os.environ["odxcp"], "--json", *options, URI + "/0", URI + "/1"],
                         check=True, stdout=subprocess.PIPE)
    seconds = time.monotonic() - start
    said = json.loads(out.stdout)
    return {"seconds": seconds, "copy_seconds": said["seconds"],
            "bytes_offloaded": said["bytes_offloaded"],
            "bytes_on_wire": sum(said["bytes_on_wire"].values())}


WAYS = {
    "offloaded (odxcp)": odxcp,
    "client (odxcp --no-offload)": lambda: odxcp("--no-offload"),
    "client (qemu-img convert -W -m16)":
        lambda: timed("qemu-img", "convert", "-n", "-W", "-m16", "-f", "raw", "-O", "raw",
                      URI + "/0", URI + "/1"),
    "local (cp, sync)":
        lambda: timed("sh", "-c", 'cp --reflink=never --sparse=never "$0" "$1" && sync "$1"',
                      SOURCE, LOCAL),
    "local (dd, fsync)":
        lambda: timed("dd", "if=" + SOURCE, "of=" + LOCAL, "bs=1M", "conv=notrunc,fsync",
                      "status=none"),
}


def settle():
    """What one way left dirty is not the next one's to write back."""
    os.sync()


def main():
    results = {way: [] for way in WAYS}
    for run in range(RUNS):
        for way, go in WAYS.items():
            settle()
            results[way].append(go())
            print(f"  run {run + 1}: {way}: {results[way][-1]['seconds']:.3f} s", flush=True)
    if subprocess.run(["cmp", SOURCE, COPY]).returncode:
        sys.exit("bench: the copy differs from its source")

    medians = {way: statistics.median(r["seconds"] for r in rows)
               for way, rows in results.items()}
    offloaded = medians["offloaded (odxcp)"]
    print(f"\n{'1 GiB':36} {'median':>9} {'spread':>16} {'ratio':>7}  on the wire")
    for way, rows in results.items():
        all_s = [r["seconds"] for r in rows]
        wire = rows[0].get("bytes_on_wire")
        print(f"{way:36} {medians[way]:7.3f} s {min(all_s):6.3f} to {max(all_s):5.3f} "
              f"{medians[way] / offloaded:7.2f}  {f'{wire:,} bytes' if wire else '-'}")

    name = os.path.join(RESULTS, time.strftime("%Y%m%d-%H%M%S.json"))
    with open(name, "w", encoding="utf-8") as f:
        json.dump({"machine": platform.platform(), "cpus": os.cpu_count(), "bytes": 1 << 30,
                   "runs": results, "medians": medians}, f, indent=2)
    print(f"\nkept in {os.path.relpath(name)}")


main()
