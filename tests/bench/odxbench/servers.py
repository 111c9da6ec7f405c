# SPDX-License-Identifier: Apache-2.0
"""The targets, each on 127.0.0.1 at a port of its own, and the load on them."""
import json
import os
import random
import signal
import subprocess
import time

from .system import Failed, cpu_seconds, free_port, need, popen, run

IQN = "iqn.2001-04.com.example:bench"


def _stop(process):
    """Ends a process that we started; by force if it does not mind."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """What has LUNs: a process, and the URIs of its LUNs."""

    first_lun = 0
    process = None
    target = None

    def uri(self, number):
        return f"{self.target}/{self.lun(number)}"

    def lun(self, number):
        return self.first_lun + number

    @property
    def pid(self):
        return self.process.pid

    def cpu(self):
        return cpu_seconds(self.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        _stop(self.process)


class Odxd(Server):
    """luns: (path, "KEY = VALUE" lines of the lun section)...; tokens: at most."""

    def __init__(self, bench, luns, tokens=65536, config=""):
        self.name = "odxd"
        conf = os.path.join(bench.places.root, f"odxd{time.monotonic_ns()}.conf")
        sections = "".join(
            f'lun {i} {{\n  path = "{path}"\n  {words}\n  odx {{ max-timeout = "3600s" }}\n}}\n'
            for i, (path, words) in enumerate(luns))
        with open(conf, "w", encoding="utf-8") as f:
            # odxload waits for its turn without serving its session: no pings.
            f.write(f'portals = {{"127.0.0.1:0"}}\nlimits {{ nop-interval = "0s" }}\n'
                    f'{config}\ntarget "{IQN}" {{\n{bench.target}\n'
                    f"tokens {{\n  max = {tokens}\n  max-per-lun = {tokens}\n"
                    f"  max-per-initiator = {tokens}\n}}\n{sections}}}\n")
        self.process = popen([bench.odxd, "-c", conf], stdout=subprocess.PIPE, text=True,
                             stderr=open(conf + ".log", "w", encoding="utf-8"))
        try:
            self._started(bench, conf + ".log")
        except BaseException:
            self.stop()
            raise

    def _started(self, bench, log):
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.target = f"iscsi://{line.split()[2]}/{IQN}"
            if line.startswith("ready"):
                self.profile = bench.profile and Profile(bench.profile, self.pid)
                return
        self.process.wait()
        with open(log, encoding="utf-8") as f:
            raise Failed("odxd did not start: " + f.read().strip()[-200:])

    profile = None

    def stop(self):
        if self.profile:
            self.profile.stop()
        super().stop()


class Profile:
    """perf on a process, from now until stop(), which writes where its time went to @path.N,
    for the first free N."""

    def __init__(self, path, pid):
        number = 1
        while os.path.exists(f"{path}.{number}"):
            number += 1
        self.path = f"{path}.{number}"
        self.process = popen([need("perf", "linux-perf"), "record", "-q", "-F", "499", "-p", pid,
                              "-o", self.path + ".data"], stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        if not os.path.exists(self.path + ".data"):
            return  # odxd ended before perf had begun
        said = run("perf", "report", "-i", self.path + ".data", "--stdio", "--no-children",
                   "--sort", "comm,symbol", "--percent-limit", "0.5", check=False)
        with open(self.path, "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in said.splitlines() if line.strip())
        os.unlink(self.path + ".data")


class Tgtd(Server):
    """tgtd, in the foreground, with its control channel at a number of its own."""

    first_lun = 1  # 0 is the controller

    def __init__(self, bench, paths, bstype="rdwr"):
        self.name = f"tgtd {bstype}"
        self.control = str(random.randrange(1000, 30000))
        port = free_port()
        self.admin = need("tgtadm", "tgt")
        if os.getuid() != 0:
            raise Failed("tgtd can be run by root only")
        self.process = popen(
            [need("tgtd", "tgt"), "-f", "-C", self.control, "--iscsi", f"portal=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.target = f"iscsi://127.0.0.1:{port}/{IQN}"
        try:
            self._set_up(paths, bstype)
        except BaseException:
            self.stop()
            raise

    def _adm(self, *words):
        return run(self.admin, "-C", self.control, "--lld", "iscsi", *words, timeout=10)

    def _set_up(self, paths, bstype):
        for attempt in range(50):
            try:
                self._adm("--op", "new", "--mode", "target", "--tid", "1", "-T", IQN)
                break
            except Failed:
                if self.process.poll() is not None:
                    raise Failed(f"tgtd ended with status {self.process.returncode}") from None
                if attempt == 49:
                    raise
                time.sleep(0.1)
        for i, path in enumerate(paths):
            self._adm("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun",
                      str(self.lun(i)), "-b", path, "--bstype", bstype)
        self._adm("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")

    def stop(self):
        if self.process and self.process.poll() is None:
            # A tgtd with targets does not end by SIGTERM.
            self.process.kill()
            self.process.wait()
        for end in ("", ".lock"):
            try:
                os.unlink(f"/var/run/tgtd/socket.{self.control}{end}")
            except OSError:
                pass


class StorageDaemon(Server):
    """qemu-storage-daemon: the files as NBD exports on a socket."""

    def __init__(self, bench, paths, direct=False):
        self.name = "qemu-storage-daemon"
        self.socket = os.path.join(bench.places.root, f"nbd{time.monotonic_ns()}")
        argv = [need("qemu-storage-daemon", "qemu-system-common or qemu-utils"), "--nbd-server",
                f"addr.type=unix,addr.path={self.socket}"]
        for i, path in enumerate(paths):
            cache = "cache.direct=on,aio=io_uring" if direct else "cache.direct=off,aio=io_uring"
            argv += ["--blockdev", f"driver=file,node-name=f{i},filename={path},{cache}",
                     "--export", f"type=nbd,id=e{i},node-name=f{i},name=lun{i},writable=on"]
        self.process = popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(self.socket):
                time.sleep(0.1)
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise Failed("qemu-storage-daemon did not start")

    def uri(self, number):
        return f"nbd+unix:///lun{number}?socket={self.socket}"


class Load:
    """odxload on a server: a step in, what it measured out."""

    def __init__(self, bench, server, sessions=1):
        self.server = server
        self.process = popen([bench.odxload, server.uri(0), sessions], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Failed(f"odxload ended with status {self.process.returncode} "
                         f"({self.server.name})")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{self.server.name}: {answer['error']}")
        return answer

    def start(self, verb, **words):
        """Sends a step and does not wait for its end.  lun, from_, to count from 0."""
        for key in ("lun", "from", "to"):
            if key in words or (key == "lun" and verb != "copy"):
                words[key] = self.server.lun(words.get(key, 0))
        line = " ".join([verb, *(f"{k}={v}" for k, v in words.items())])
        self._before = self.server.cpu()
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self):
        answer = self._answer()
        answer["server_cpu"] = self.server.cpu() - self._before
        return answer

    def step(self, verb, **words):
        self.start(verb, **words)
        return self.finish()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
