# SPDX-License-Identifier: Apache-2.0
"""The command behind scripts/bench, which has built and found the programs."""
import argparse
import fnmatch
import os
import signal
import sys
import time

from . import commands, copies, docs, places, report, results, system, tokens

# name, what runs it, the seconds planned for it in a whole run, what it is.  When the plan is
# overrun, rounds beyond the second are left out until the run is back on it.
GROUPS = (
    ("copy-xfs", copies.copy_xfs, 90, "copies by token, XFS with reflinks and without"),
    ("copy-disk", copies.copy_disk, 80, "copies by token, cp, dd, copy_file_range; fio's limit"),
    ("copy-tmpfs", copies.copy_tmpfs, 25, "the same in memory"),
    ("clients", copies.copy_clients, 125,
     "copies through the client: odxcp --no-offload, qemu-img, sgp_dd; against tgtd, too"),
    ("io-cached", commands.io_cached, 95, "READ and WRITE beside tgtd, in the page cache"),
    ("io-direct", commands.io_direct, 90, "the same with O_DIRECT"),
    ("io-tmpfs", commands.io_tmpfs, 35, "the same on tmpfs, one session"),
    ("io-xfs", commands.io_xfs, 35, "the same on XFS, one session"),
    ("rates", commands.rates, 40, "PT, RRTI and zero-token WUT a second"),
    ("foreground", commands.foreground, 55, "latency of reads while a copy runs"),
    ("tokens-live", tokens.live, 85, "random writes beside live tokens"),
    ("tokens-touched", tokens.touched, 25, "writes to what a token holds"),
    ("tokens-latency", tokens.latency, 25, "POPULATE TOKEN and a graft"),
    ("tokens-many", tokens.many, 40, "100,000 tokens: memory, and are they still fast"),
)


class Bench:
    """What all groups share."""

    def __init__(self, args, base):
        smoke, quick = args.smoke, args.quick
        self.quick = quick or smoke
        self.size = (16 << 20) if smoke else (256 << 20) if quick else (1 << 30)
        self.slice = 0.05 if smoke else 0.3 if quick else 0.6
        self.rounds = args.runs or (1 if smoke else 2 if quick else 5)
        self.pieces = 10 if smoke else 1000
        self.most_tokens = 300 if smoke else 20000 if quick else 100000
        self.passes, self.live_rounds = (1, 2) if smoke else (1, 12) if quick else (2, 40)
        self.only = args.only
        self.profiles = args.keep if args.profile else None
        self.profile = None
        self.patience = 0.1 if smoke else 1.0
        self.share = args.share
        self.odxd, self.odxload, self.odxcp, self.sgiscsi = (
            os.path.join(args.build, path) for path in
            ("target/iscsi/odxd", "tests/bench/odxload", "tools/odxcp",
             "tests/e2e/ld_sgiscsi.so"))
        with open("configs/odxd.conf.reference", encoding="utf-8") as f:
            self.one_reactor = "reactors = 1" if "#reactors =" in f.read() else ""
        self.results = results.Results()
        self.places = places.Places(base)
        # The end of the plan of the group that runs.
        self.until = time.monotonic()

    @staticmethod
    def say(text):
        print(text, flush=True)

    def pause(self, seconds):
        time.sleep(seconds * self.patience)

    def skip(self, what, why):
        self.say(f"    left out: {what}: {why}")
        self.results.skip(what, why)

    def late(self):
        return time.monotonic() > self.until

    def run(self, name, go, seconds):
        self.until += seconds * self.share
        self.profile = self.profiles and os.path.join(self.profiles, "profile-" + name)
        start = time.monotonic()
        self.say(f"== {name}")
        try:
            go(self)
        except (system.Failed, OSError, KeyError) as e:
            self.skip(name, f"{type(e).__name__}: {e}" if isinstance(e, KeyError) else str(e))
        took = time.monotonic() - start
        self.results.data["options"].setdefault("group_seconds", {})[name] = round(took, 1)
        self.say(f"   {took:.0f} s")


def words():
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", help="only these groups; * is allowed")
    p.add_argument("--list", action="store_true", help="say which groups there are")
    p.add_argument("--runs", type=int, metavar="N", help="rounds of each workload (5)")
    p.add_argument("--quick", action="store_true", help="smaller and fewer: 4 minutes at most")
    p.add_argument("--smoke", action="store_true", help="tiny: does everything run?")
    p.add_argument("--only", default="", metavar="TEXT",
                   help="of the groups, only workloads with this in their names")
    p.add_argument("--profile", action="store_true",
                   help="perf on every odxd: where its time goes, in build/bench/profile-*; "
                        "the figures of such a run are not for judging")
    p.add_argument("--dir", default=os.environ.get("TMPDIR", "/tmp"), help="where the files go")
    p.add_argument("--report", nargs="*", metavar="JSON",
                   help="measure nothing: print the tables of these files (the newest of "
                        "build/bench)")
    p.add_argument("--docs", action="store_true",
                   help="with --report: write them into the pages under docs/, too")
    p.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    p.add_argument("--keep", default="build/bench", help=argparse.SUPPRESS)
    return p


def newest(directory):
    names = sorted(n for n in os.listdir(directory) if n.endswith(".json")) \
        if os.path.isdir(directory) else []
    if not names:
        sys.exit("bench: nothing is kept in build/bench; run scripts/bench first")
    return os.path.join(directory, names[-1])


def chosen(names):
    groups = [g for g in GROUPS if not names or any(fnmatch.fnmatch(g[0], n) for n in names)]
    for name in names:
        if not any(fnmatch.fnmatch(g[0], name) for g in GROUPS):
            sys.exit(f"bench: no group {name}; scripts/bench --list names them")
    return groups


def commit():
    try:
        said = system.run("git", "describe", "--always", "--dirty", timeout=10).strip()
    except system.Failed:
        return None
    return said


def measure(args, groups):
    os.makedirs(args.keep, exist_ok=True)
    bench = Bench(args, args.dir)
    data = bench.results.data
    data["machine"] = system.describe()
    data["options"] = {"size": bench.size, "rounds": bench.rounds, "slice": bench.slice,
                       "groups": [g[0] for g in groups], "commit": commit(),
                       "started": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
                       "whole": not (args.quick or args.smoke or args.profile)}
    start = time.monotonic()
    status = 0
    try:
        data["machine"]["disk"] = places.fstype(bench.places.root)
        for name, go, seconds, _ in groups:
            bench.run(name, go, seconds)
    except KeyboardInterrupt:
        print("bench: interrupted; what was measured is kept", file=sys.stderr)
        status = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        bench.places.close()
    data["options"]["seconds"] = round(time.monotonic() - start)
    path = os.path.join(args.keep, time.strftime("%Y%m%d-%H%M%S.json"))
    bench.results.save(path)
    print(report.text(bench.results))
    print(f"\nkept in {path}; {data['options']['seconds']} s")
    if args.smoke and data["skipped"]:
        print("smoke: " + "; ".join(f"{s['what']}: {s['why']}" for s in data["skipped"]))
    return status


def _interrupted(*_):
    raise KeyboardInterrupt


def main():
    args = words().parse_args()
    args.share = 0.25 if args.quick else 1.0
    if args.list:
        for name, _, _, text in GROUPS:
            print(f"{name:16} {text}")
        return 0
    if args.report is not None:
        try:
            found = results.load(args.report or [newest(args.keep)])
        except (OSError, ValueError) as e:
            sys.exit(f"bench: {e}")
        print(report.text(found))
        if args.docs:
            docs.write(found)
        return 0
    signal.signal(signal.SIGTERM, _interrupted)
    return measure(args, chosen(args.names))


if __name__ == "__main__":
    sys.exit(main())
