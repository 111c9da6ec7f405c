#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all of scripts/bench in its smallest size: does everything still run?

smoke.py BUILD: the build tree.  No time is judged.  What another program would be needed
for, or root, may be left out; nothing else.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
os.chdir(os.path.join(HERE, "..", ".."))

from odxbench import musts, report, results  # noqa: E402

MAY_LACK = re.compile(r"is not installed|by root only|: No such file or directory$")


def left_behind(base):
    with open("/proc/self/mounts", encoding="utf-8") as f:
        return os.listdir(base) + [line for line in f if base in line]


def main():
    env = dict(os.environ, PYTHONPATH=HERE,
               PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    with tempfile.TemporaryDirectory(prefix="odx-smoke.") as top:
        base, keep = os.path.join(top, "files"), os.path.join(top, "keep")
        os.mkdir(base)
        ran = subprocess.run(
            [sys.executable, "-B", "-m", "odxbench", "--smoke", "--build", sys.argv[1], "--dir",
             base, "--keep", keep], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False)
        wrong = []
        if ran.returncode:
            wrong.append(f"status {ran.returncode}")
        else:
            found = results.load([os.path.join(keep, os.listdir(keep)[0])])
            skipped = found.data["skipped"]
            wrong += [f"{s['what']}: {s['why']}" for s in skipped
                      if not MAY_LACK.search(s["why"])]
            for s in skipped:
                print(f"[SKIPPED] {s['what']}: {s['why']}")
            view = report.View(found)
            wrong += [f"not measured: {m.what}" for m in musts.speed(view) + musts.tokens(view)
                      if m.met is None and not skipped]
        wrong += [f"left behind: {what}" for what in left_behind(base)]
    if wrong:
        print(ran.stdout)
    for what in wrong:
        print("FAILED", what)
    print(f"bench_smoke: {not wrong:d} passed, {bool(wrong):d} failed, 0 skipped")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
