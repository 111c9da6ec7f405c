#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench makes of figures: medians, tables, what is met, and the pages.

Runs anywhere in the tree; the figures are those of sample.json.
"""
import os
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
os.chdir(os.path.join(HERE, "..", ".."))

from odxbench import docs, musts, report, results, stats, tokens  # noqa: E402

SAMPLE = os.path.join(HERE, "sample.json")


def cells(body, *starts):
    """The cells of the first row of a table that begins with these."""
    for line in body.splitlines():
        row = [c.strip() for c in line.strip("|").split("|")]
        if row[: len(starts)] == list(starts):
            return row
    raise AssertionError(f"no row {starts} in\n{body}")


def must(kind, what):
    found = [m for m in kind(report.View(results.load([SAMPLE]))) if m.what.startswith(what)]
    assert len(found) == 1, (what, [m.what for m in found])
    return found[0]


def a_spread_is_half_of_what_lies_between_the_quartiles():
    assert stats.median([3, 1, 2]) == 2
    assert stats.spread([8, 9, 10, 11, 12]) == 0.1
    assert stats.spread([5]) == 0 and stats.median([]) is None


def ratios_are_taken_round_by_round():
    assert stats.ratios([2, 20], [1, 10]) == [2, 2]
    low, high = stats.confidence([1.0] * 20 + [9.0])
    assert low == high == 1.0
    low, high = stats.confidence([0.9, 1.0, 1.1] * 5)
    assert 0.9 <= low <= 1.0 <= high <= 1.1


def copies_have_time_spread_and_cpu_per_gib():
    body = report.sections(results.load([SAMPLE]))["copies"]
    row = cells(body, "xfs/reflink/contiguous", "token")
    assert row[2:] == ["11 ms", "±5 %", "12 ms", "1", "0.002", "0.001"], row
    assert cells(body, "", "cp --reflink")[5] == "0.50"


def the_limit_is_reading_then_writing():
    row = cells(report.sections(results.load([SAMPLE]))["limits"], "direct")
    assert row[3:] == ["2.00 GB/s", "2.50 GB/s", "2.15 GB/s", "1.07", "0.86"], row
    m = must(musts.speed, "the same, fio reading and writing at once")
    assert (m.measured, m.met) == ("0.86", False), m


def commands_stand_beside_tgtd():
    row = cells(report.sections(results.load([SAMPLE]))["io"], "disk, cached")
    assert row[2:] == ["odxd", "90,000/s", "±6 %", "2.00", "5.0", "3.0", "0.25", "200 us",
                       "900 us"], row


def what_was_asked_is_judged():
    m = must(musts.speed, "copy of 1 GiB, reflink, contiguous")
    assert (m.measured, m.met) == ("11.0 ms", True)
    m = must(musts.speed, "copy, buffered, against cp")
    assert (m.measured, m.met) == ("1.10 times as fast", True), m
    m = must(musts.speed, "copy, buffered, against the best client's, tgtd")
    assert (m.measured, m.met) == ("5.0 times (sgp_dd, tgtd)", True), m
    m = must(musts.speed, "copy, direct, against the best client's, tgtd")
    assert (m.measured, m.met) == ("3.0 times (sgp_dd, tgtd; fio at once: 2.2)", False), m
    m = must(musts.speed, "p99 of 4 KiB random reads during a copy, cached")
    assert (m.measured, m.met) == ("3.0 times", True), m
    m = must(musts.speed, "disk, direct: 4 KiB random read, queue 32")
    assert (m.measured, m.met) == ("1.00 times (fio, no target: 1.25)", False), m
    m = must(musts.speed, "disk, buffered: one hole")
    assert (m.measured, m.met) == ("0.100", False), m


def a_copy_is_judged_by_its_extents():
    m = must(musts.speed, "4 GiB against 1 GiB, contiguous, per extent")
    assert (m.measured, m.met) == ("1.40 times (16 commands to 4)", True), m


def holes_are_judged_beside_a_copy_without():
    m = must(musts.speed, "disk, buffered: 10 % data")
    assert (m.measured, m.met) == ("0.125", True), m


def what_was_not_measured_is_not_judged():
    m = must(musts.speed, "PT, RRTI and zero-token WUT of 1 MiB, xfs")
    assert (m.measured, m.met) == ("", None)
    row = cells(report.sections(results.load([SAMPLE]))["speed-musts"], "5", m.what)
    assert row[3:] == ["not measured", "-"], row


def live_tokens_are_judged_against_none():
    m = must(musts.tokens, "1,000 live tokens, not touched: loss, writes")
    assert m.met and m.measured.startswith("1.5 %"), m
    m = must(musts.tokens, "100,000 live tokens, not touched: loss, writes")
    assert not m.met and m.measured.startswith("10.0 %"), m
    m = must(musts.tokens, "100,000 live tokens, not touched: loss, CPU")
    assert not m.met and m.measured.startswith("20.0 %"), m
    m = must(musts.tokens, "WRITE USING TOKEN with 100,000 live, disk")
    assert (m.measured, m.met) == ("2.50 times", False), m


def _two_ways(**ways):
    found = results.Results({**results.Results().data, "options": {"whole": True}})
    found.about("clients/disk/direct", bytes=1 << 30)
    for way, seconds in ways.items():
        for value in seconds:
            found.add("clients/disk/direct", way.replace("_", " "), {"seconds": value})
    return found


def two_ways_are_compared_round_by_round():
    # The whole second round was ten times slower.  Of the medians it would be 2 / 0.5 = 4.
    found = _two_ways(token=[0.2, 5.0, 0.5], dd_tgtd=[1.0, 25.0, 2.0], sgp_dd_tgtd=[90.0] * 3)
    m = [m for m in musts.speed(report.View(found)) if m.what.startswith("copy, direct, against the")]
    assert (m[0].measured, m[0].met) == ("5.0 times (dd tgtd)", True), m


def the_limit_is_that_of_the_same_round():
    found = results.Results()
    workload = "copy/disk/direct/contiguous"
    found.about(workload, bytes=1 << 30)
    # Of the medians it would be 2 / 2.
    for copy, fio in ((1, 3), (2, 1), (3, 2)):
        found.add(workload, "token", {"seconds": 1 / copy})
        for verb in ("read", "write"):
            found.add(workload, f"fio {verb}", {"rate": float(fio << 31)})
    assert round(report.View(found).of_limit(workload), 3) == 1.5


def a_run_that_was_cut_is_not_judged():
    found = results.load([SAMPLE])
    found.data["options"]["whole"] = False
    row = cells(report.sections(found)["speed-musts"], "1", "copy of 1 GiB, reflink, contiguous")
    assert row[3:] == ["11.0 ms", "-"], row


def live_tokens_are_as_many_as_there_were():
    assert list(tokens.states(100000)) == ["none", "none, again", "1", "1,000", "100,000"]
    assert list(tokens.states(300)) == ["none", "none, again", "1", "300"]
    found = results.Results()
    for state in tokens.states(300):
        found.add("live/random writes", state, {"iops": 1.0, "per_op": 1.0})
    said = [m.what for m in musts.tokens(report.View(found)) if m.number == "3"]
    assert said[-1].startswith("300 live") and not any("100,000" in s for s in said), said


def an_empty_run_makes_a_report():
    sections = report.sections(results.Results())
    assert sections["io"] == "Not measured." and sections["left-out"] == "Nothing."


def later_files_replace_workloads_of_earlier_ones():
    other = results.Results()
    other.add("rates/memory", "triples", {"rate": 5.0})
    other.data["options"] = {"commit": "abc1234", "groups": ["rates"]}
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        other.save(f.name)
        both = results.load([SAMPLE, f.name])
    assert both.values("rates/memory", "triples", "rate") == [5.0]
    # and that is said: another run, and not a whole one
    said = report.machine(report.View(both))
    assert "Of commit abc1234" in said and "Not a whole run" in said, said
    assert both.values("foreground/cached, queue 1", "idle", "p50") == [20, 20, 20]


def a_page_keeps_what_is_not_a_table():
    page = "Before\n<!-- bench: io -->\nold\n<!-- bench end -->\nAfter\n"
    new = docs.renew(page, {"io": "| new |"})
    assert new == "Before\n<!-- bench: io -->\n\n| new |\n\n<!-- bench end -->\nAfter\n", new
    assert docs.renew(new, {"io": "| new |"}) == new


def the_pages_name_sections_that_exist():
    sections = report.sections(results.load([SAMPLE]))
    for path in docs.PAGES:
        with open(path, encoding="utf-8") as f:
            page = f.read()
        assert docs.renew(page, sections) != page, f"{path} has no section"


def the_pages_say_what_was_measured():
    if not os.path.exists(docs.FIGURES):
        return "no figures are kept in docs/ yet"
    stale = docs.stale(results.load([docs.FIGURES]))
    assert not stale, f"{stale}: run scripts/bench --report --docs {docs.FIGURES}"
    return None


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    tests = [v for k, v in globals().items() if callable(v) and getattr(v, "__module__", "") ==
             "__main__" and k not in ("cells", "must", "main", "_two_ways")]
    for test in tests:
        print(f"  {test.__name__.replace('_', ' ')} ...")
        try:
            skipped = test()
        except Exception:  # noqa: BLE001
            traceback.print_exc(file=sys.stdout)
            counts["failed"] += 1
            continue
        if skipped:
            print(f"[SKIPPED] {skipped}")
        counts["skipped" if skipped else "passed"] += 1
    print("bench_report: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return counts["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
