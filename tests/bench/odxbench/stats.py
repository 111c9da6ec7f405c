# SPDX-License-Identifier: Apache-2.0
"""Medians, spread, and how sure they are.  Pure functions."""
import random
import statistics


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """Half the distance between the quartiles, in parts of the median."""
    if len(values) < 2 or not median(values):
        return 0.0
    ordered = sorted(values)
    low = statistics.median(ordered[: (len(ordered) + 1) // 2])
    high = statistics.median(ordered[len(ordered) // 2:])
    return (high - low) / 2 / abs(median(values))


def ratios(values, base):
    """Round by round, so that what disturbs a whole round cancels out."""
    return [v / b for v, b in zip(values, base) if b]


def confidence(values, part=0.95, draws=2000):
    """Where the median is with that probability: resampling, the same each time."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (None, None)
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(draws))
    cut = int(draws * (1 - part) / 2)
    return medians[cut], medians[-1 - cut]
