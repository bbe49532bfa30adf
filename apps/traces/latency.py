"""Response times by size: buckets 5 % wide, whose counts can be added up, and percentiles read from them."""

from collections.abc import Mapping
from math import floor, log

WIDTH = 1.05
LOG_WIDTH = log(WIDTH)
LAST = 300  # WIDTH ** 300 ms is more than half an hour


def bucket_of(milliseconds: float) -> int:
    """From WIDTH ** bucket up to WIDTH ** (bucket + 1) milliseconds; up to a millisecond is bucket 0."""
    return min(floor(log(milliseconds) / LOG_WIDTH), LAST) if milliseconds > 1 else 0


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The time in milliseconds that `share` of the calls did not exceed, at most half a bucket (2.5 %) off. None without calls."""
    wanted = share * sum(counts.values())
    passed = 0
    for bucket in sorted(counts):
        count = counts[bucket]
        if count and passed + count >= wanted:
            return float(WIDTH ** (bucket + (wanted - passed) / count))
        passed += count
    return None
