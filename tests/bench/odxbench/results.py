# SPDX-License-Identifier: Apache-2.0
"""What was measured: workload -> way -> key -> one value for each round."""
import json
import os

FORMAT = "odx-bench 1"


def _short(value):
    """Six digits are more than any of this is good for."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


class Results:
    def __init__(self, data=None):
        self.data = data or {"format": FORMAT, "machine": {}, "options": {}, "workloads": {},
                             "skipped": []}

    def add(self, workload, way, sample):
        ways = self.data["workloads"].setdefault(workload, {"about": {}, "ways": {}})["ways"]
        keys = ways.setdefault(way, {})
        for key, value in sample.items():
            keys.setdefault(key, []).append(_short(value))

    def about(self, workload, **facts):
        entry = self.data["workloads"].setdefault(workload, {"about": {}, "ways": {}})
        entry["about"].update({k: v for k, v in facts.items() if v is not None})

    def skip(self, what, why):
        if {"what": what, "why": why} not in self.data["skipped"]:
            self.data["skipped"].append({"what": what, "why": why})

    def ways(self, workload):
        return self.data["workloads"].get(workload, {}).get("ways", {})

    def values(self, workload, way, key):
        """The values, [] when there are none."""
        return self.ways(workload).get(way, {}).get(key, [])

    def fact(self, workload, key):
        return self.data["workloads"].get(workload, {}).get("about", {}).get(key)

    def matching(self, start):
        return [name for name in self.data["workloads"] if name.startswith(start)]

    def save(self, path):
        temporary = path + ".new"
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(self.data, f, indent=1)
            f.write("\n")
        os.replace(temporary, path)


def _note_options(first, later):
    """Which figures are another run's, and whether any run was cut."""
    first.setdefault("merged", []).append(
        {k: later.get(k) for k in ("commit", "started", "rounds", "groups")})
    first["whole"] = bool(first.get("whole") and later.get("whole"))


def load(paths):
    """Several files as one: a workload is taken from the last file that has it."""
    merged = None
    for path in paths:
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"{path}: not a file of scripts/bench")
        if merged is None:
            merged = data
            continue
        merged["workloads"].update(data["workloads"])
        _note_options(merged["options"], data["options"])
        merged["skipped"] = [s for s in merged["skipped"] if s not in data["skipped"]]
        merged["skipped"] += data["skipped"]
    return Results(merged)
