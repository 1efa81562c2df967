"""Exponential histograms as explicit buckets, which charts can draw."""

import math
import sys

from common.telemetry import Buckets, Exponential


def explicit_buckets(histogram: Exponential) -> tuple[list[float], list[int]]:
    """Return bounds and counts: the negative buckets, the one around zero, the positive ones."""
    negative, positive = histogram.negative, histogram.positive
    bounds: list[float] = [
        *(-bound for bound in reversed(_bounds(negative, histogram.scale))),
        *_bounds(positive, histogram.scale),
    ]
    bucket_counts = [
        *((0, *reversed(negative.bucket_counts)) if negative.bucket_counts else ()),
        histogram.zero_count,
        *((*positive.bucket_counts, 0) if positive.bucket_counts else ()),
    ]
    return bounds, bucket_counts


def _bounds(buckets: Buckets, scale: int) -> list[float]:
    if not buckets.bucket_counts:
        return []
    first = buckets.offset
    return [_bound(index, scale) for index in range(first, first + len(buckets.bucket_counts) + 1)]


def _bound(index: int, scale: int) -> float:
    """Return base ** index, where base is 2 ** (2 ** -scale)."""
    try:
        return math.exp2(math.ldexp(index, -scale))
    except OverflowError:
        return sys.float_info.max if index > 0 else 0.0
