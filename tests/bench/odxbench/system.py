# SPDX-License-Identifier: Apache-2.0
"""Processes, their CPU time, and what machine this is."""
import ctypes
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Something did not work; the message is for the user."""


def _with_parent():
    """In the child: it does not outlive us, however we end."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def popen(argv, **kw):
    try:
        return subprocess.Popen([str(a) for a in argv], preexec_fn=_with_parent, **kw)
    except OSError as e:
        raise Failed(f"{argv[0]}: {e.strerror}") from e


def run(*argv, env=None, timeout=120, check=True):
    """Runs it; its standard output.  Failed with what it said last, if it fails."""
    p = popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
              env=dict(os.environ, **env) if env else None, start_new_session=True)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as e:
        raise Failed(f"{argv[0]}: no end after {timeout} s") from e
    finally:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
    if check and p.returncode:
        said = (err.strip() or out.strip() or "no message").splitlines()[-1]
        raise Failed(f"{os.path.basename(str(argv[0]))}: status {p.returncode}: {said[:200]}")
    return out


def timed(*argv, env=None, timeout=120):
    """The sample of a whole process: seconds and its CPU."""
    before, start = children_cpu(), time.monotonic()
    run(*argv, env=env, timeout=timeout)
    return {"seconds": time.monotonic() - start, "client_cpu": children_cpu() - before}


def children_cpu():
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_seconds(pid):
    """User and system time of a process, all its threads, ended ones too: nanoseconds
    exact.  The clock's number is as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime((~pid << 3) | 2)


def machine_busy():
    """CPU seconds that the whole machine has been busy."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _wait, irq, soft = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def rss(pid):
    """Bytes of resident memory."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sync_file(path):
    """Seconds until all of the file is on its storage."""
    fd = os.open(path, os.O_RDWR)
    try:
        start = time.monotonic()
        os.fsync(fd)
        return time.monotonic() - start
    finally:
        os.close(fd)


def program(name):
    """Where it is, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which(name, path=path)


def need(name, package):
    path = program(name)
    if not path:
        raise Failed(f"{name} is not installed (package {package})")
    return path


def _first(path, key):
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return None


def version_of(name, *argv):
    path = program(name)
    if not path:
        return None
    try:
        said = run(path, *argv, timeout=10, check=False).split("\n")[0].strip()
    except Failed:
        return None
    return said or None


def describe():
    """The machine, as the report names it."""
    memory = _first("/proc/meminfo", "MemTotal") or "0"
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": round(int(memory.split()[0]) / (1 << 20), 1),
        "kernel": platform.release(),
        "tgtd": version_of("tgtd", "--version"),
        "qemu": version_of("qemu-img", "--version"),
        "fio": version_of("fio", "--version"),
        "load": round(os.getloadavg()[0], 2),
    }
