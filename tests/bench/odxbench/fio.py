# SPDX-License-Identifier: Apache-2.0
"""fio: what a file gives without a target, and a client of another protocol."""
import json

from .system import need, run


def jobs(seconds, size, *words):
    """What fio says of its jobs after so many seconds of requests to the first @size bytes.
    @words: those for all jobs, then --name and the words of each."""
    out = run(need("fio", "fio"), "--time_based", f"--runtime={round(seconds * 1000)}ms",
              f"--size={size}", "--output-format=json", *words)
    return json.loads(out[out.index("{"):])["jobs"]


def files(direct):
    """Words for jobs on files that are there, and stay as they are in the page cache, too:
    the copies read from there."""
    return ("--ioengine=io_uring", f"--direct={int(direct)}", "--overwrite=1",
            "--allow_file_create=0", "--invalidate=0")
