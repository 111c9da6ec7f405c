# SPDX-License-Identifier: Apache-2.0
"""Puts the sections of a report into the pages that name them.

A page has a line <!-- bench: NAME --> where section NAME begins, and <!-- bench end -->
where it ends; what stands between is replaced, all else stays.  The figures that a page was
made from are kept in docs/performance.json, so that a test can tell whether a page says
something else.
"""
import re

from . import report

PAGES = ("docs/performance.md", "docs/point-in-time.md")
FIGURES = "docs/performance.json"
_PART = re.compile(r"(<!-- bench: ([a-z-]+) -->\n).*?(<!-- bench end -->)", re.S)


def renew(page, sections):
    """The page with its sections as they are in @sections; KeyError: it names another."""
    return _PART.sub(lambda m: f"{m[1]}\n{sections[m[2]]}\n\n{m[3]}", page)


def write(results):
    sections = report.sections(results)
    for path in PAGES:
        with open(path, encoding="utf-8") as f:
            page = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(renew(page, sections))
        print(f"written: {path}")
    results.save(FIGURES)


def stale(results):
    """The pages that say something else than these results."""
    sections = report.sections(results)
    found = []
    for path in PAGES:
        with open(path, encoding="utf-8") as f:
            page = f.read()
        if renew(page, sections) != page:
            found.append(path)
    return found
