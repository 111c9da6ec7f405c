#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cycles.py COUNT: creates and deletes a backstore, by the writes to configfs that
targetcli makes, without its start-up time.  Prints how many, and how long one took."""
import os
import sys
import time

SIZE = 16 << 20
PATH = "/srv/cycle.img"
HBA = "/sys/kernel/config/target/core/user_77"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def cycle(number):
    device = f"{HBA}/cycle{number}"
    os.mkdir(device)
    write(f"{device}/control", f"dev_config=odx/{PATH}")
    # A ring of 1 MiB: the kernel clears all of it, which an emulated CPU does slowly.
    write(f"{device}/control", f"dev_size={SIZE},cmd_ring_size_mb=1")
    write(f"{device}/enable", "1")
    write(f"{device}/wwn/vpd_unit_serial", f"cccccccc-0000-0000-0000-{number:012x}")
    os.rmdir(device)


def main():
    count = int(sys.argv[1])
    with open(PATH, "wb") as file:
        file.truncate(SIZE)
    os.mkdir(HBA)
    begin = time.monotonic()
    for number in range(count):
        cycle(number)
    print(f"{count} cycles, {(time.monotonic() - begin) / count * 1000:.1f} ms each")
    os.rmdir(HBA)


if __name__ == "__main__":
    main()
