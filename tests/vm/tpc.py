#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parameter lists of token copies, for sg_raw (SPC-4 6.x, SBC-3 5.x; written by hand on
purpose: what our own codec got wrong would not show here).

tpc.py pt LBA BLOCKS [LBA BLOCKS]...              POPULATE TOKEN list to stdout
tpc.py wut TOKEN-FILE OFFSET LBA BLOCKS [...]     WRITE USING TOKEN list to stdout
tpc.py cdb pt|wut LIST-ID LENGTH                  that CDB in hex, for sg_raw's arguments
tpc.py cdb rrti LIST-ID ALLOCATION-LENGTH
tpc.py result FIELD <RRTI-DATA                    sa, status, count or sense
tpc.py token <RRTI-DATA                           the 512 bytes of the token to stdout
"""
import struct
import sys

TOKEN_LENGTH = 512


def ranges(words):
    pairs = [(int(words[i]), int(words[i + 1])) for i in range(0, len(words), 2)]
    return b"".join(struct.pack(">QI4x", lba, blocks) for lba, blocks in pairs)


def pt(words):
    listed = ranges(words)
    return struct.pack(">HBxI4x2xH", 14 + len(listed), 0, 300, len(listed)) + listed


def wut(path, offset, words):
    with open(path, "rb") as file:
        token = file.read()
    assert len(token) == TOKEN_LENGTH
    listed = ranges(words)
    head = struct.pack(">HB5xQ", 534 + len(listed), 0, int(offset))
    return head + token + struct.pack(">6xH", len(listed)) + listed


def cdb(name, list_id, length):
    if name == "rrti":
        data = struct.pack(">BBI4xIxx", 0x84, 0x07, int(list_id), int(length))
    else:
        action = {"pt": 0x10, "wut": 0x11}[name]
        data = struct.pack(">BB4xIIxx", 0x83, action, int(list_id), int(length))
    return data.hex(" ")


def result(data, field):
    if field == "sa":
        return data[4] & 0x1F
    if field == "status":
        return data[5] & 0x7F
    if field == "count":
        return struct.unpack_from(">Q", data, 16)[0]
    if field == "sense":
        sense = data[32 : 32 + data[14]]
        return f"{sense[2] & 0xF:X}/{sense[12]:02X}/{sense[13]:02X}" if len(sense) > 13 else ""
    raise SystemExit(f"no field {field}")


def token(data):
    at = 32 + data[13]
    length = struct.unpack_from(">I", data, at)[0]
    assert length == TOKEN_LENGTH + 2, f"ROD TOKEN DESCRIPTORS LENGTH is {length}"
    return data[at + 6 : at + 6 + TOKEN_LENGTH]


def main():
    verb, *words = sys.argv[1:]
    out = sys.stdout.buffer
    if verb == "pt":
        out.write(pt(words))
    elif verb == "wut":
        out.write(wut(words[0], words[1], words[2:]))
    elif verb == "cdb":
        print(cdb(*words))
    elif verb == "result":
        print(result(sys.stdin.buffer.read(), words[0]))
    elif verb == "token":
        out.write(token(sys.stdin.buffer.read()))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
