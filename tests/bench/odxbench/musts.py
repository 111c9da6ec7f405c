# SPDX-License-Identifier: Apache-2.0
"""What is asked of the figures, line by line: required, measured, met or not."""
from dataclasses import dataclass

from . import commands, copies, stats


@dataclass
class Line:
    number: str
    what: str
    required: str
    measured: str = ""
    met: bool | None = None  # None: not measured


def _judge(line, value, text, ok):
    if value is not None:
        line.measured, line.met = text.format(value), bool(ok(value))
    return line


def _div(a, b):
    return a / b if a is not None and b else None


def _against_best(view, workload, want):
    """The fastest way whose name @want likes, and how much longer than a token's copy it is."""
    found = [(view.med(workload, way, "seconds"), way) for way in view.results.ways(workload)
             if want(way) and view.results.values(workload, way, "seconds")]
    way = min(found, default=(None, None))[1]
    return way, view.ratio(workload, "seconds", way, "token")


def _reflink(view):
    name = "copy/xfs/reflink/"
    out = []
    for layout, text in (("contiguous", "contiguous"), ("extents", "1,000 extents")):
        took = view.med(name + layout, "token", "seconds")
        out.append(_judge(Line("1", f"copy of 1 GiB, reflink, {text}", "under 20 ms"),
                          took and took * 1e3, "{:.1f} ms", lambda v: v < 20))
        for how, said in (("", ""), (", one command", ", in one command")):
            works = f"{name}{layout}, 4 times{how}", name + layout + how
            four, one = (_div(view.med(w, "token", "seconds"), view.results.fact(w, "extents") or 1)
                         for w in works)
            many = [view.med(w, "token", "commands") for w in works]
            out.append(_judge(Line("1", f"4 GiB against 1 GiB, {text}{said}, per extent",
                                   "at most 1.5 times"),
                              _div(four, one), "{:.2f} times" + (
                                  " ({:.0f} commands to {:.0f})".format(*many)
                                  if None not in many and not how else ""),
                              lambda v: v <= 1.5))
    way, ratio = _against_best(view, "clients/xfs/buffered", lambda w: w != "token")
    out.append(_judge(Line("1", "against the best client-side copy there", "50 times faster"),
                      ratio, f"{{:.0f}} times ({way})", lambda v: v >= 50))
    return out


def _moved(view):
    out = []
    direct = "copy/disk/direct/contiguous"
    out.append(_judge(Line("2", "copy, O_DIRECT, against fio's limit", "at least 0.9"),
                      view.of_limit(direct), "{:.2f}", lambda v: v >= 0.9))
    out.append(_judge(Line("2", "the same, fio reading and writing at once", "at least 0.9"),
                      view.of_both(direct, "token"), "{:.2f}",
                      lambda v: v >= 0.9))
    for way in ("cp", "copy_file_range"):
        ratio = view.ratio("copy/disk/buffered/contiguous", "seconds", way, "token")
        out.append(_judge(Line("2", f"copy, buffered, against {way}", "not slower"), ratio,
                          "{:.2f} times as fast", lambda v: v >= 1))
    for mode in ("buffered", "direct"):
        workload = f"clients/disk/{mode}"
        way, ratio = _against_best(view, workload, lambda w: w.endswith("tgtd"))
        theirs = view.of_both(workload, way)
        most = f"; fio at once: {1 / theirs:.1f}" if theirs else ""
        out.append(_judge(Line("2", f"copy, {mode}, against the best client's, tgtd",
                               "4 times faster"), ratio, f"{{:.1f}} times ({way}{most})",
                          lambda v: v >= 4))
    return out


def _sparse(view):
    out = []
    for place, mode in (("disk", "buffered"), ("disk", "direct"), ("tmpfs", "buffered")):
        whole = view.med(f"copy/{place}/{mode}/contiguous", "token", "seconds")
        out.append(_judge(Line("3", f"{place}, {mode}: 10 % data, the rest holes, to a full copy's "
                               "time, to a hole, too", "0.1, and 0.05 more"),
                          view.ratio(f"copy/{place}/{mode}/sparse", "seconds", "token",
                                     copies.ALL_DATA), "{:.3f}", lambda v: v <= 0.15))
        for layout, text, required, most in (
                ("hole", "one hole", "at most 0.05", 0.05),
                ("zeros", "zeros that were written", "1, and 0.1 more", 1.1)):
            value = _div(view.med(f"copy/{place}/{mode}/{layout}", "token", "seconds"), whole)
            out.append(_judge(Line("3", f"{place}, {mode}: {text}, to a full copy's time",
                                   required),
                              value, "{:.3f}", lambda v, m=most: v <= m))
    return out


def _beside_tgtd(view, place, bstype):
    theirs = f"tgtd {bstype}"
    out = []
    for verb in ("read", "write"):
        name = f"io/{place}/4 KiB random {verb}, queue "
        ratio = lambda w, key: view.ratio(w + ", 1 session", key, "odxd", theirs)
        # What the disk gives to fio without a target, where that was measured.
        limit = lambda w, key: (
            f" (fio, no target: {most:.2f})"
            if (most := _div(view.med(w + ", 1 session", commands.FIO, key),
                             view.med(w + ", 1 session", theirs, key))) else "")
        out.append(_judge(Line("4", f"{place}: 4 KiB random {verb}, queue 32", "1.5 times tgtd"),
                          ratio(name + "32", "iops"),
                          "{:.2f} times" + limit(name + "32", "iops"), lambda v: v >= 1.5))
        out.append(_judge(Line("4", f"{place}: its CPU a command", "half of tgtd's"),
                          ratio(name + "32", "per_op"), "{:.2f} of it", lambda v: v <= 0.5))
        for part in ("p50", "p99"):
            out.append(_judge(Line("4", f"{place}: 4 KiB random {verb}, queue 1, {part}",
                                   "below tgtd's"),
                              ratio(name + "1", part), "{:.2f} of it", lambda v: v < 1))
        name = f"io/{place}/1 MiB {verb}, queue 8"
        out.append(_judge(Line("4", f"{place}: 1 MiB {verb}s", "1.3 times tgtd"),
                          ratio(name, "rate"), "{:.2f} times" + limit(name, "rate"),
                          lambda v: v >= 1.3))
    return out


def speed(view):
    lines = _reflink(view) + _moved(view) + _sparse(view)
    for place, bstype in (("disk, cached", "rdwr"), ("disk, direct", "aio"), ("tmpfs", "rdwr")):
        lines += _beside_tgtd(view, place, bstype)
    for place in ("memory", "disk", "tmpfs", "xfs"):
        rate = view.med(f"rates/{place}", "triples", "rate")
        lines.append(_judge(Line("5", f"PT, RRTI and zero-token WUT of 1 MiB, {place}",
                                 "10,000 a second"), rate, "{:,.0f} a second",
                            lambda v: v >= 10000))
    for mode in ("cached", "direct"):
        workload = f"foreground/{mode}, queue 1"
        value = view.ratio(workload, "p99", "while copying", "idle")
        lines.append(_judge(Line("6", f"p99 of 4 KiB random reads during a copy, {mode}",
                                 "at most 3 times idle"), value, "{:.1f} times",
                            lambda v: v <= 3))
    return lines


def tokens(view):
    """Of live tokens that are not touched; of 100,000."""
    lines = []
    workload = "live/random writes"
    held = [s for s in view.results.ways(workload) if not s.startswith("none")]
    for state in held or ("1", "1,000", "100,000"):
        for key, text, loss in (("iops", "writes a second", lambda r: 1 - r),
                                ("per_op", "CPU a write", lambda r: r - 1)):
            of = [loss(r) * 100 for r in stats.ratios(
                view.results.values(workload, state, key),
                view.results.values(workload, "none", key))]
            low, high = stats.confidence(of)
            lines.append(_judge(Line("3", f"{state} live tokens, not touched: loss, {text}",
                                     "below 3 %"), stats.median(of),
                                "{:.1f} %" + (f" ({low:.1f} to {high:.1f})" if of else ""),
                                lambda v: v < 3))
    for place in ("disk", "xfs"):
        name = f"many/{place}"
        for key, text in (("pt", "POPULATE TOKEN"), ("wut", "WRITE USING TOKEN")):
            value = _div(view.med(name, "with all", key), view.med(name, "first 100", key))
            tokens_there = view.results.fact(name, "tokens") or 100000
            lines.append(_judge(Line("4", f"{text} with {tokens_there:,} live, {place}, to the "
                                     "first 100", "still fast: at most 2 times"), value,
                                "{:.2f} times", lambda v: v <= 2))
    return lines
