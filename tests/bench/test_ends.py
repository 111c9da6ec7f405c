#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How scripts/bench ends: wrong words, an interrupted run, a storage that is full.

test_ends.py BUILD: the build tree.  Nothing may stay behind: no mount, no loop device, no
process, no file.
"""
import glob
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(os.path.join(HERE, "..", ".."))
ENV = dict(os.environ, PYTHONPATH=HERE, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Run:
    """The bench in its smallest size, in a directory of its own."""

    def __init__(self, top, *words, limit=None):
        self.base, self.keep = os.path.join(top, "files"), os.path.join(top, "keep")
        os.mkdir(self.base)
        self.said, start = "", lambda: limit and resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit))
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "odxbench", "--smoke", "--build", sys.argv[1], "--dir",
             self.base, "--keep", self.keep, *words], env=ENV, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=start)

    def until(self, what):
        for line in self.process.stdout:
            self.said += line
            if what in line:
                return
        raise AssertionError(f"never said {what}:\n{self.said}")

    def end(self):
        """Its status; nothing may be left."""
        self.said += self.process.communicate(timeout=120)[0]
        for _ in range(50):  # a lazy unmount takes a moment
            left = self._left()
            if not left:
                break
            time.sleep(0.1)
        assert not left, f"{left}\n{self.said}"
        return self.process.returncode

    def _left(self):
        left = os.listdir(self.base)
        for path in ["/proc/self/mounts", *glob.glob("/sys/block/loop*/loop/backing_file"),
                     *glob.glob("/proc/[0-9]*/cmdline")]:
            try:
                with open(path, encoding="utf-8", errors="replace") as f:
                    text = f.read()
            except OSError:
                continue
            # Its own command line has the directory's name, too.
            if self.base in text and not path.startswith(f"/proc/{self.process.pid}/"):
                left.append(path)
        return left


def in_directory(test):
    def run():
        with tempfile.TemporaryDirectory(prefix="odx-ends.") as top:
            return test(top)
    run.__name__ = test.__name__
    return run


@in_directory
def wrong_words_are_told_in_one_line(top):
    for number, (words, said) in enumerate((
            (["--runs", "0"], "--runs: 0: not a number of rounds from 1"),
            (["--runs", "-1"], "--runs: -1: not a number"), (["--rnus", "1"], "--rnus"),
            (["nonsense"], "no group nonsense"), (["--dir", "/nowhere"], "/nowhere: no directory"),
            (["--report", "/nowhere.json"], "/nowhere.json"))):
        there = os.path.join(top, str(number))
        os.mkdir(there)
        run = Run(there, *words)
        assert run.end() in (1, 2), words
        assert said in run.said and "Traceback" not in run.said, run.said


@in_directory
def a_name_that_no_workload_has_is_told(top):
    run = Run(top, "--only", "xyzzy", "tokens-live", "tokens-many")
    assert run.end() == 1
    assert 'no workload has "xyzzy" in its name' in run.said, run.said
    assert not os.listdir(run.keep)


def interrupted(top, number):
    # As root with an XFS on a loop device.
    run = Run(top, "copy-xfs" if os.getuid() == 0 else "copy-disk", "io-cached", "tokens-live")
    run.until("/contiguous: token")
    run.process.send_signal(number)
    assert run.end() == 130, run.said
    assert "interrupted; what was measured is kept" in run.said, run.said
    with open(os.path.join(run.keep, os.listdir(run.keep)[0]), encoding="utf-8") as f:
        text = f.read()
    assert '"whole": false' in text and "contiguous" in text, text


@in_directory
def control_c_leaves_nothing_behind(top):
    interrupted(top, signal.SIGINT)


@in_directory
def a_closed_terminal_leaves_nothing_behind(top):
    interrupted(top, signal.SIGHUP)


@in_directory
def what_was_killed_is_taken_away_by_the_next(top):
    run = Run(top, "copy-xfs" if os.getuid() == 0 else "copy-disk")
    run.until("/contiguous: token")
    run.process.kill()
    run.process.wait()
    assert os.listdir(run.base)
    again = subprocess.run([sys.executable, "-B", "-m", "odxbench", "--smoke", "--build",
                            sys.argv[1], "--dir", run.base, "--keep", run.keep, "rates"], env=ENV,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert again.returncode == 0, again.stdout
    assert run.end() == -signal.SIGKILL


@in_directory
def a_full_storage_ends_only_what_needs_it(top):
    # No file longer than 6 MiB: those of the tokens' groups are 4 MiB, all others are 16.
    run = Run(top, "copy-disk", "tokens-touched", limit=6 << 20)
    assert run.end() == 0, run.said
    assert "left out: copy/disk/contiguous: [Errno 27] File too large" in run.said, run.said
    assert "touched/disk: no token" in run.said, run.said


@in_directory
def nothing_measured_is_no_success(top):
    run = Run(top, "copy-disk", limit=6 << 20)
    assert run.end() == 1, run.said
    assert "nothing was measured" in run.said, run.said


def main():
    passed = failed = 0
    # nohup and job control let us ignore them, and the bench would, too.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    tests = [v for k, v in globals().items() if callable(v) and getattr(v, "__module__", "") ==
             "__main__" and k not in ("Run", "in_directory", "interrupted", "main")]
    for test in tests:
        print(f"  {test.__name__.replace('_', ' ')} ...", flush=True)
        try:
            test()
            passed += 1
        except Exception:  # noqa: BLE001
            traceback.print_exc(file=sys.stdout)
            failed += 1
    print(f"bench_ends: {passed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
