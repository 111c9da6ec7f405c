# SPDX-License-Identifier: Apache-2.0
"""The tables, as markdown, out of results.  sections() names them; docs.py puts them
into the pages."""
from . import musts, stats

GIB = 1 << 30


def table(head, rows):
    """Columns as wide as they need to be, so that it can be read as text, too."""
    cells = [head] + [[str(c) for c in row] for row in rows]
    wide = [max(len(row[i]) for row in cells) for i in range(len(head))]
    line = lambda row: "| " + " | ".join(c.ljust(w) for c, w in zip(row, wide)) + " |"
    return "\n".join([line(cells[0]), "|" + "|".join("-" * (w + 2) for w in wide) + "|",
                      *(line(row) for row in cells[1:])])


def seconds(value):
    if value is None:
        return "-"
    if value < 0.1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.2f} s"


def micros(value):
    if value is None:
        return "-"
    if value >= 10000:
        return f"{value / 1e3:.0f} ms"
    return f"{value:.0f} us" if value >= 100 else f"{value:.1f} us"


def count(value):
    return "-" if value is None else f"{value:,.0f}"


def times(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def plus_minus(values):
    return f"±{stats.spread(values) * 100:.0f} %" if len(values) > 1 else ""


class View:
    """Medians of results by workload, way and key."""

    def __init__(self, results):
        self.results = results

    def med(self, workload, way, key):
        return stats.median(self.results.values(workload, way, key))

    def ratio(self, workload, key, way, base):
        """Median of the rounds' ratios of @way to @base."""
        of = stats.ratios(self.results.values(workload, way, key),
                          self.results.values(workload, base, key))
        return stats.median(of)

    def of_limit(self, workload):
        """Median of the rounds' rates of the copy by token, in parts of what fio's reading and
        then writing of the same bytes would have."""
        size = self.results.fact(workload, "bytes")
        rounds = zip(*(self.results.values(workload, way, key) for way, key in (
            ("token", "seconds"), ("fio read", "rate"), ("fio write", "rate"))))
        return stats.median([size / took * (1 / read + 1 / write) for took, read, write in rounds
                             if took and read and write])

    def of_both(self, workload, way):
        """The same of a copy by @way and what fio's reading and writing at once would have."""
        size = self.results.fact(workload, "bytes")
        rounds = zip(self.results.values(workload, way, "seconds"),
                     self.results.values(workload, "fio both", "rate"))
        return stats.median([size / took / both for took, both in rounds if took and both])


# ---- sections ----

def machine(view):
    data = view.results.data
    m, o = data["machine"], data["options"]
    lines = [f"{m.get('cpus')} cores of {m.get('cpu')}, {m.get('memory_gib')} GiB of memory, "
             f"Linux {m.get('kernel')}, {m.get('disk')} on the disk; client and targets share "
             "the machine.",
             f"tgtd {m.get('tgtd')}; {m.get('qemu')}; {m.get('fio')}.",
             f"Commit {o.get('commit')}, {o.get('started')} UTC, {o.get('seconds', 0) // 60} "
             f"minutes; copies of {o.get('size', 0) >> 20} MiB, {o.get('rounds')} rounds, "
             f"slices of {o.get('slice')} s; load before it {m.get('load')}."]
    for more in o.get("merged", []):
        lines.append(f"Of commit {more.get('commit')}, {more.get('started')} UTC, "
                     f"{more.get('rounds')} rounds: {', '.join(more.get('groups', []))}.")
    if not o.get("whole"):
        lines.append("**Not a whole run**: sizes and rounds were cut; nothing to judge by.")
    return "\n".join("* " + line for line in lines)


def _copy_row(view, workload, way, base):
    values = view.results.values(workload, way, "seconds")
    took = stats.median(values)
    size = view.results.fact(workload, "bytes")
    cpu = [view.med(workload, way, key) for key in ("server_cpu", "client_cpu")]
    return [way, seconds(took), plus_minus(values), seconds(
        None if took is None else took + (view.med(workload, way, "sync") or 0)),
        times(view.ratio(workload, "seconds", way, base)) if way != base else "1",
        *(times(None if c is None or not size else c * GIB / size, 3) for c in cpu)]


def copy_table(view, start):
    rows = []
    for workload in view.results.matching(start):
        name = workload.split("/", 1)[1]
        many = view.results.fact(workload, "extents")
        if many and many > 1:
            name += f" ({count(many)} extents)"
        for way in view.results.ways(workload):
            if not way.startswith("fio"):
                rows.append([name, *_copy_row(view, workload, way, "token")])
                name = ""
    if not rows:
        return "Not measured."
    return table(["copy", "way", "done", "spread", "on the storage", "times token",
                  "server CPU s/GiB", "client CPU s/GiB"], rows)


def limits(view):
    rows = []
    for workload in view.results.matching("copy/disk/"):
        read, write = (view.med(workload, f"fio {w}", "rate") for w in ("read", "write"))
        took = view.med(workload, "token", "seconds")
        if read and write and took:
            limit = 1 / (1 / read + 1 / write)
            rate = view.results.fact(workload, "bytes") / took
            both = view.med(workload, "fio both", "rate")
            rows.append([workload.split("/")[2],
                         *("-" if v is None else f"{v / 1e9:.2f} GB/s"
                           for v in (read, write, limit, both, rate)),
                         times(view.of_limit(workload)), times(view.of_both(workload, "token"))])
    return table(["mode", "fio read", "fio write", "one after the other", "both at once",
                  "copy by token", "of one after the other", "of both at once"],
                 rows) if rows else "Not measured."


def io_table(view):
    rows = []
    for workload in view.results.matching("io/"):
        _, place, what = workload.split("/", 2)
        theirs = next((w for w in view.results.ways(workload) if w.startswith("tgtd")), None)
        for way in view.results.ways(workload):
            beside = theirs and way == "odxd"
            cell = lambda key, to=way, w=workload: view.med(w, to, key)
            client = cell("client_per_op")
            rows.append([
                place, what, way, count(cell("iops")) + "/s",
                plus_minus(view.results.values(workload, way, "iops")),
                times(view.ratio(workload, "iops", way, theirs)) if beside else "",
                times(cell("per_op") * 1e6, 1), "-" if client is None else times(client * 1e6, 1),
                times(view.ratio(workload, "per_op", way, theirs)) if beside else "",
                micros(cell("p50")), micros(cell("p99"))])
            place = what = ""
    return table(["place", "load", "target", "commands", "spread", "times tgtd",
                  "server CPU s/million", "client CPU s/million", "of tgtd's", "p50", "p99"],
                 rows) if rows else "Not measured."


def _ways_of(view, start):
    """Each (place, workload, way) of start/PLACE; a place is named once, with its first way."""
    for workload in view.results.matching(start):
        place = workload.split("/")[1]
        for way in view.results.ways(workload):
            yield place, workload, way
            place = ""


def rates_table(view):
    rows = []
    for place, workload, way in _ways_of(view, "rates/"):
        rows.append([place, way, count(view.med(workload, way, "rate")) + "/s",
                     plus_minus(view.results.values(workload, way, "rate")),
                     times(view.med(workload, way, "per_op") * 1e6, 1),
                     micros(view.med(workload, way, "p50")),
                     micros(view.med(workload, way, "p99"))])
    return table(["place", "what", "rate", "spread", "server CPU s/million", "p50", "p99"],
                 rows) if rows else "Not measured."


def receives_table(view):
    rows = []
    for load, workload, way in _ways_of(view, "receives/"):
        rows.append([load, way, count(view.med(workload, way, "iops")) + "/s",
                     plus_minus(view.results.values(workload, way, "iops")),
                     "" if way == "single" else times(view.ratio(workload, "iops", way, "single")),
                     times(view.med(workload, way, "per_op") * 1e6, 1),
                     micros(view.med(workload, way, "p50")),
                     micros(view.med(workload, way, "p99"))])
    return table(["load", "receives", "commands", "spread", "times single",
                  "server CPU s/million", "p50", "p99"], rows) if rows else "Not measured."


def foreground_table(view):
    rows = []
    for place, workload, way in _ways_of(view, "foreground/"):
        rate = view.med(workload, way, "copy_rate")
        rows.append([place, way, count(view.med(workload, way, "iops")),
                     *(micros(view.med(workload, way, p)) for p in ("p50", "p99", "p999")),
                     "-" if rate is None else f"{rate / 1e9:.2f} GB/s"])
    return table(["reads", "", "reads/s", "p50", "p99", "p99.9", "copy"],
                 rows) if rows else "Not measured."


def live_table(view):
    workload, rows = "live/random writes", []
    for way in view.results.ways(workload):
        row = [way, count(view.med(workload, way, "iops")),
               times(view.med(workload, way, "per_op") * 1e6, 2)]
        for key in ("iops", "per_op"):
            of = stats.ratios(view.results.values(workload, way, key),
                              view.results.values(workload, "none", key))
            low, high = stats.confidence(of)
            row.append("1" if way == "none" else
                       f"{stats.median(of):.3f} ({low:.3f} to {high:.3f})")
        rows.append(row)
    return table(["live tokens", "writes/s", "server CPU us", "writes, to none (95 %)",
                  "CPU, to none (95 %)"], rows) if rows else "Not measured."


def touched_table(view):
    rows = []
    for place, workload, way in _ways_of(view, "touched/"):
        rows.append([place, way, count(view.med(workload, way, "iops")),
                     times(view.ratio(workload, "iops", way, "no token")),
                     times(view.med(workload, way, "per_op") * 1e6, 1),
                     micros(view.med(workload, way, "p50")),
                     micros(view.med(workload, way, "p99"))])
    return table(["place", "write", "writes/s", "to no token", "server CPU us", "p50", "p99"],
                 rows) if rows else "Not measured."


def latency_table(view):
    rows = []
    for workload in view.results.matching("latency/"):
        name = {"latency/xfs": "reflink (XFS)", "latency/disk": "copy before write"}.get(
            workload, workload)
        for way in view.results.ways(workload):
            rows.append([name, way, micros(view.med(workload, way, "p50")),
                         micros(view.med(workload, way, "p99"))])
            name = ""
    return table(["rod", "command", "p50", "p99"], rows) if rows else "Not measured."


def many_table(view):
    rows = []
    for workload in view.results.matching("many/"):
        row = [workload.split("/")[1], count(view.results.fact(workload, "tokens")),
               count(view.med(workload, "filling", "bytes")),
               count(view.med(workload, "filling", "rate")) + "/s"]
        for key in ("pt", "wut"):
            first, last = (view.med(workload, way, key) for way in ("first 100", "with all"))
            row += [micros(first), micros(last),
                    times(last / first if first and last else None)]
        rows.append(row)
    return table(["place", "tokens", "bytes each", "made", "PT, first 100", "PT, with all",
                  "ratio", "WUT, first 100", "WUT, with all", "ratio"],
                 rows) if rows else "Not measured."


def left_out(view):
    skipped = view.results.data["skipped"]
    if not skipped:
        return "Nothing."
    return "\n".join(f"* {s['what']}: {s['why']}" for s in skipped)


def musts_table(view, lines):
    whole = view.results.data["options"].get("whole")
    rows = [[line.number, line.what, line.required, line.measured or "not measured",
             {True: "yes", False: "**no**", None: "-"}[line.met if whole else None]]
            for line in lines]
    return table(["", "what", "required", "measured", "met"], rows)


def sections(results):
    """Name -> markdown, in the order of the report."""
    view = View(results)
    return {
        "machine": machine(view),
        "speed-musts": musts_table(view, musts.speed(view)),
        "copies": copy_table(view, "copy/"),
        "limits": limits(view),
        "clients": copy_table(view, "clients/"),
        "io": io_table(view),
        "receives": receives_table(view),
        "rates": rates_table(view),
        "foreground": foreground_table(view),
        "token-musts": musts_table(view, musts.tokens(view)),
        "live": live_table(view),
        "touched": touched_table(view),
        "latency": latency_table(view),
        "many": many_table(view),
        "left-out": left_out(view),
    }


def text(results):
    return "\n".join(f"\n-- {name}\n{body}" for name, body in sections(results).items()
                     if body != "Not measured.")
