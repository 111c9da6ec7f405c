#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the results of scripts/test.

Arguments: --broken N (build trees that did not build), then TREE=TESTLOG.json for
each tree.  A test binary says "SUITE: N passed, N failed, N skipped"; one that does
not, or that ends badly although it says nothing failed, counts as a failure.
"""
import argparse
import json
import re
import sys

SUMMARY = re.compile(r"^.+: (\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
SKIPPED = re.compile(r"\[SKIPPED\] .*")
TAIL = 60  # lines shown of a test that failed


def read_log(path):
    """The tests of one meson log; none when meson itself did not get that far."""
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return [json.loads(line) for line in log if line.strip()]
    except OSError:
        return []


def judge(test):
    """passed, failed, skipped of one binary."""
    passed = failed = skipped = 0
    found = False
    for line in SUMMARY.finditer(test.get("stdout") or ""):
        found = True
        passed += int(line[1])
        failed += int(line[2])
        skipped += int(line[3])
    if test["result"] == "SKIP" and not found:
        return 0, 0, 1
    if not found or (test["result"] != "OK" and failed == 0):
        failed += 1
    return passed, failed, skipped


def show_failure(tree, test):
    text = (test.get("stdout") or "") + (test.get("stderr") or "")
    why = "" if SUMMARY.search(text) else ", no line that sums it up"
    print(f"-- {tree}: {test['name']}: {test['result']}, status {test['returncode']}{why}")
    lines = text.rstrip().splitlines()
    if len(lines) > TAIL:
        print(f"   ... {len(lines) - TAIL} lines before these are in the log")
    for line in lines[-TAIL:]:
        print("   " + line)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--broken", type=int, default=0)
    args.add_argument("logs", nargs="*")
    args = args.parse_args()

    total = [0, args.broken, 0]
    for spec in args.logs:
        tree, path = spec.split("=", 1)
        tests = read_log(path)
        if not tests:
            print(f"-- {tree}: no test was run; see "
                  f"{path.replace('testlog', 'run').replace('.json', '.txt')}")
            total[1] += 1
        mine = [0, 0, 0]
        for test in tests:
            counts = judge(test)
            mine = [a + b for a, b in zip(mine, counts)]
            if counts[1]:
                show_failure(tree, test)
            for why in SKIPPED.findall(test.get("stdout") or ""):
                print(f"{tree}: {test['name']}: {why}")
        print(f"{tree}: {len(tests)} binaries: "
              f"{mine[0]} passed, {mine[1]} failed, {mine[2]} skipped")
        total = [a + b for a, b in zip(total, mine)]
    if args.broken:
        print(f"{args.broken} of the trees did not build")
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
