# SPDX-License-Identifier: Apache-2.0
"""Where the files lie: a directory of our own on the disk, an XFS and a tmpfs in it.

Everything is taken away at the end.  What a run that was killed left behind is taken
away by the next one.
"""
import contextlib
import ctypes
import fcntl
import glob
import os
import re
import shutil
import subprocess

from .system import Failed, need, run

BLOCK = 1 << 20
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def fstype(path):
    return run("stat", "-f", "-c", "%T", path).strip().replace("ext2/ext3", "ext4")


class Place:
    """A directory on some file system."""

    def __init__(self, name, path, kind, direct):
        self.name, self.path, self.kind, self.direct = name, path, kind, direct

    def file(self, name):
        return os.path.join(self.path, name)


def _mounts():
    with open("/proc/self/mounts", encoding="utf-8") as f:
        return [line.split()[1] for line in f]


def _loops(root):
    """The loop devices of files below @root."""
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as f:
            if f.read().startswith(root + "/"):
                yield "/dev/" + path.split("/")[3]


def clear(root):
    """Takes away what is mounted below @root, and it."""
    for where in reversed(_mounts()):
        if where.startswith(root + "/"):
            subprocess.run(["umount", "-l", where], check=False, stderr=subprocess.DEVNULL)
    for loop in _loops(root):
        subprocess.run(["losetup", "-d", loop], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(root, ignore_errors=True)


def clear_left(base):
    """What runs that were killed left in @base."""
    for name in os.listdir(base):
        found = re.fullmatch(r"odx-bench\.(\d+)", name)
        if found and not os.path.exists("/proc/" + found[1]):
            clear(os.path.join(base, name))


class Places:
    def __init__(self, base):
        clear_left(base)
        self.root = os.path.join(os.path.realpath(base), f"odx-bench.{os.getpid()}")
        os.mkdir(self.root, 0o700)
        self.made = {}

    def get(self, name):
        """disk, xfs or tmpfs; made when first asked for."""
        if name not in self.made:
            try:
                self.made[name] = getattr(self, "_" + name)()
            except Failed as e:
                self.made[name] = e
        if isinstance(self.made[name], Failed):
            raise self.made[name]
        return self.made[name]

    def _dir(self, name):
        path = os.path.join(self.root, name)
        os.mkdir(path)
        return path

    def _disk(self):
        return Place("disk", self._dir("disk"), fstype(self.root), True)

    def _root_only(self, what):
        if os.getuid() != 0:
            raise Failed(f"{what} can be mounted by root only")

    def _xfs(self):
        self._root_only("XFS")
        image, path = os.path.join(self.root, "xfs.img"), self._dir("xfs")
        mkfs = need("mkfs.xfs", "xfsprogs")
        os.close(os.open(image, os.O_CREAT | os.O_WRONLY, 0o600))
        os.truncate(image, 24 << 30)
        run(mkfs, "-q", "-m", "reflink=1", image)
        loop = run("losetup", "--find", "--show", "--direct-io=on", image).strip()
        try:
            run("mount", "-t", "xfs", loop, path)
        finally:
            # Mounted, it goes when that is unmounted, by whomever.
            run("losetup", "-d", loop, check=False)
        return Place("xfs", path, "xfs", True)

    def _tmpfs(self):
        self._root_only("tmpfs")
        path = self._dir("tmpfs")
        run("mount", "-t", "tmpfs", "-o", "size=4G,mode=700,huge=never", "tmpfs", path)
        return Place("tmpfs", path, "tmpfs", False)

    def files(self):
        """All there are now in the places."""
        return {os.path.join(place.path, name) for place in self.made.values()
                if isinstance(place, Place) for name in os.listdir(place.path)}

    def keep_only(self, files):
        """Takes away those that have come since: a part that failed leaves room for the next."""
        for path in self.files() - files:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def close(self):
        clear(self.root)


# ---- files ----

def _pwrite_all(fd, data, off):
    while data:
        n = os.pwrite(fd, data, off)
        data, off = data[n:], off + n


def fill(path, size, parts=1.0, pieces=0, small=False):
    """A file of @size, anew: random data in that part of its mebibytes (1.0: all, 0.0: none),
    else holes.  @pieces: it lies on the disk in at least so many extents, as far as the file
    system does what it is asked.  @small: written page by page, so that the page cache holds
    pages and not folios of many, among which a small write has to look for its own: their
    sizes would differ from file to file, and so would what a write costs."""
    base = os.urandom(BLOCK)
    fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    try:
        os.truncate(fd, size)
        if parts > 0:
            if pieces:
                _scatter(fd, path, size, pieces)
            else:
                if parts == 1.0:
                    os.posix_fallocate(fd, 0, size)
            every = round(1 / parts)
            for i in range(0, size // BLOCK, every):
                data = i.to_bytes(8, "little") + base[8:]
                for at in range(0, BLOCK, 4096 if small else BLOCK):
                    _pwrite_all(fd, data[at: at + 4096] if small else data, i * BLOCK + at)
        os.fsync(fd)
    finally:
        os.close(fd)


def fill_zeros(path, size):
    """All blocks written, with zeros."""
    fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    try:
        for off in range(0, size, BLOCK):
            _pwrite_all(fd, bytes(min(BLOCK, size - off)), off)
        os.fsync(fd)
    finally:
        os.close(fd)


def _scatter(fd, path, size, pieces):
    """Allocates the file piece by piece, last one first, with a filler between, so that
    no two pieces that follow each other in the file do so on the disk.  fallocate gives the
    blocks at once."""
    step = max(4096, size // pieces // 4096 * 4096)
    filler = os.open(path + ".filler", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        for i, off in enumerate(reversed(range(0, size, step))):
            os.posix_fallocate(fd, off, min(step, size - off))
            os.posix_fallocate(filler, i * 4096, 4096)
    finally:
        os.close(filler)
        os.unlink(path + ".filler")


def punch(path):
    """All of the file is a hole again."""
    fd = os.open(path, os.O_RDWR)
    try:
        if _libc.fallocate64(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, ctypes.c_long(0),
                             ctypes.c_long(os.fstat(fd).st_size)):
            raise Failed(f"{path}: cannot punch a hole")
        os.fsync(fd)
    finally:
        os.close(fd)


def extents(path):
    """How many the file system says that there are (FIEMAP); None: it does not say."""
    FS_IOC_FIEMAP = 0xC020660B
    request = bytearray(32)
    request[8:16] = ((1 << 64) - 1).to_bytes(8, "little")
    request[16:20] = (1).to_bytes(4, "little")  # FIEMAP_FLAG_SYNC
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_FIEMAP, request)
    except OSError:
        return None
    finally:
        os.close(fd)
    return int.from_bytes(request[20:24], "little")


def same(a, b):
    return subprocess.run(["cmp", "-s", a, b], check=False).returncode == 0
