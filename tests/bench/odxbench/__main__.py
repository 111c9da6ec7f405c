# SPDX-License-Identifier: Apache-2.0
"""The command behind scripts/bench, which has built and found the programs."""
import argparse
import fnmatch
import os
import signal
import sys
import time
import traceback

from . import commands, copies, docs, places, report, results, system, tokens

# name, what runs it, the seconds planned for it in a whole run, what it is.  When the plan is
# overrun, rounds beyond the second are left out until the run is back on it.
GROUPS = (
    ("copy-xfs", copies.copy_xfs, 90, "copies by token, XFS with reflinks and without"),
    ("copy-disk", copies.copy_disk, 95, "copies by token, cp, dd, copy_file_range; fio's limit"),
    ("copy-tmpfs", copies.copy_tmpfs, 28, "the same in memory"),
    ("clients", copies.copy_clients, 129,
     "copies through the client: odxcp --no-offload, qemu-img, sgp_dd; against tgtd, too"),
    ("io-cached", commands.io_cached, 95, "READ and WRITE beside tgtd, in the page cache"),
    ("io-direct", commands.io_direct, 105, "the same with O_DIRECT; fio's limit"),
    ("io-tmpfs", commands.io_tmpfs, 35, "the same on tmpfs, one session"),
    ("io-xfs", commands.io_xfs, 35, "the same on XFS, one session"),
    ("receives", commands.receives, 50, "multishot receives and single ones, on memory"),
    ("rates", commands.rates, 40, "PT, RRTI and zero-token WUT a second"),
    ("foreground", commands.foreground, 55, "latency of reads while a copy runs"),
    ("tokens-live", tokens.live, 85, "random writes beside live tokens"),
    ("tokens-touched", tokens.touched, 25, "writes to what a token holds"),
    ("tokens-latency", tokens.latency, 25, "POPULATE TOKEN and a graft"),
    ("tokens-many", tokens.many, 40, "100,000 tokens: memory, and are they still fast"),
)


def _size(args):
    return (16 << 20) if args.smoke else (256 << 20) if args.quick else (1 << 30)


class Bench:
    """What all groups share."""

    def __init__(self, args, base):
        smoke, quick = args.smoke, args.quick
        self.quick = quick or smoke
        self.size = _size(args)
        self.slice = 0.05 if smoke else 0.3 if quick else 0.6
        self.rounds = args.runs or (1 if smoke else 2 if quick else 5)
        self.pieces = 10 if smoke else 1000
        self.most_tokens = 300 if smoke else 20000 if quick else 100000
        self.passes, self.live_rounds = (1, 2) if smoke else (1, 12) if quick else (2, 40)
        self.only, self.any_wanted = args.only, False
        self.target = args.target
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

    def wanted(self, workload):
        """Does --only leave it in?"""
        if self.only not in workload:
            return False
        self.any_wanted = True
        return True

    def late(self):
        return time.monotonic() > self.until

    def run(self, name, go, seconds):
        self.until += seconds * self.share
        self.profile = self.profiles and os.path.join(self.profiles, "profile-" + name)
        start = time.monotonic()
        self.say(f"== {name}")
        try:
            go(self)
        except (system.Failed, OSError) as e:
            self.skip(name, str(e))
        except Exception as e:  # noqa: BLE001  # our own mistake; the other groups' figures stay
            traceback.print_exc()
            self.skip(name, f"{type(e).__name__}: {e}")
        self.places.keep_only(set())
        took = time.monotonic() - start
        self.results.data["options"].setdefault("group_seconds", {})[name] = round(took, 1)
        self.say(f"   {took:.0f} s")


def _rounds(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: not a number of rounds from 1")
    return int(text)


def words():
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME", help="only these groups; * is allowed")
    p.add_argument("--list", action="store_true", help="say which groups there are")
    p.add_argument("--runs", type=_rounds, metavar="N", help="rounds of each workload (5)")
    p.add_argument("--quick", action="store_true", help="smaller and fewer: 4 minutes at most")
    p.add_argument("--smoke", action="store_true", help="tiny: does everything run?")
    p.add_argument("--only", default="", metavar="TEXT",
                   help="of the groups, only workloads with this in their names")
    p.add_argument("--profile", action="store_true",
                   help="perf on every odxd: where its time goes, in build/bench/profile-*; "
                        "the figures of such a run are not for judging")
    p.add_argument("--target", default="", metavar="TEXT",
                   help="words for the target section of odxd's configuration, as in "
                        "'copy { chunk = 1M }'; the figures of such a run are not for judging")
    p.add_argument("--dir", default=os.environ.get("TMPDIR", "/tmp"), help="where the files go")
    p.add_argument("--report", nargs="*", metavar="JSON",
                   help="measure nothing: print the tables of these files (the newest of "
                        "build/bench)")
    p.add_argument("--docs", action="store_true",
                   help="with --report: write them into the pages under docs/, too")
    p.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    p.add_argument("--keep", default="build/bench", help=argparse.SUPPRESS)
    # Only say whether this can be measured, before anything is built for it.
    p.add_argument("--judge", action="store_true", help=argparse.SUPPRESS)
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


def judge_dir(args):
    """Is there room for the files?  With groups named it is the user's to know."""
    need = 16 * _size(args)
    if not os.path.isdir(args.dir) or not os.access(args.dir, os.W_OK | os.X_OK):
        sys.exit(f"bench: {args.dir}: no directory that can be written; choose one with --dir")
    st = os.statvfs(args.dir)
    free = st.f_bavail * st.f_frsize
    if free < need and not args.names:
        sys.exit(f"bench: {args.dir}: {need >> 20} MiB are needed, {free >> 20} MiB are free; choose "
                 "another directory with --dir, or name single groups")


def measure(args, groups):
    os.makedirs(args.keep, exist_ok=True)
    try:
        bench = Bench(args, args.dir)
    except OSError as e:
        sys.exit(f"bench: {e}")
    data = bench.results.data
    data["machine"] = system.describe()
    data["options"] = {"size": bench.size, "rounds": bench.rounds, "slice": bench.slice,
                       "groups": [g[0] for g in groups], "commit": commit(),
                       "started": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
                       "whole": not (args.quick or args.smoke or args.profile or
                                     args.target)}
    start = time.monotonic()
    status = 0
    try:
        data["machine"]["disk"] = places.fstype(bench.places.root)
        for name, go, seconds, _ in groups:
            bench.run(name, go, seconds)
    except KeyboardInterrupt:
        print("bench: interrupted; what was measured is kept", file=sys.stderr)
        data["options"]["whole"] = False
        status = 130
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        bench.places.close()
    data["options"]["seconds"] = round(time.monotonic() - start)
    path = os.path.join(args.keep, time.strftime("%Y%m%d-%H%M%S.json"))
    if not any(w["ways"] for w in data["workloads"].values()):
        if bench.only and not bench.any_wanted and not status:
            print(f"bench: no workload has \"{bench.only}\" in its name", file=sys.stderr)
        print("bench: nothing was measured", file=sys.stderr)
        return status or 1
    bench.results.save(path)
    print(report.text(bench.results))
    print(f"\nkept in {path}; {data['options']['seconds']} s")
    if args.smoke and data["skipped"]:
        print("smoke: " + "; ".join(f"{s['what']}: {s['why']}" for s in data["skipped"]))
    return status


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    groups = chosen(args.names)
    judge_dir(args)
    if args.profile and not system.program("perf"):
        sys.exit("bench: --profile needs perf (package linux-perf)")
    if args.judge:
        return 0
    for number in ENDS:
        # Who was started to ignore it (nohup) goes on doing so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupted)
    return measure(args, groups)


if __name__ == "__main__":
    sys.exit(main())
