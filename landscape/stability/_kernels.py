"""Kernels of bottleneck assignments and of the levels at which neurons meet rays and lines."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
import numpy as np

from landscape.compiled import compiled

#: A bisection has no more steps; once a step moves no end, none does.
STEPS = 100


@compiled
def scale_interval(a, e, level):
    """Scales t >= 0 with ``‖a - t e‖_inf <= level``: [low, high], empty if low > high."""
    low, high = 0.0, np.inf
    for j in range(a.size):
        size, along = abs(e[j]), -a[j] if e[j] < 0 else a[j]
        if size > 0:
            low, high = max(low, (along - level) / size), min(high, (along + level) / size)
        elif abs(along) > level:
            return np.inf, -np.inf
    return low, high


@compiled
def _ray_interval(a, e, gain, size, level):
    """Scales t > 0 that also have ``|gain - size / t| <= level``."""
    first, last = scale_interval(a, e, level)
    first = max(first, size / (gain + level) if gain + level > 0 else np.inf)
    last = min(last, size / (gain - level) if gain - level > 0 else np.inf)
    return first, last


@compiled
def _ray_distance(a, e, c, p, t):
    """``max(|c - p / t|, ‖a - t e‖_inf)``, infinite where the scale is not positive and finite."""
    if not 0.0 < t < np.inf:
        return np.inf
    value = abs(c - p / t)
    for j in range(a.size):
        value = max(value, abs(a[j] - t * e[j]))
    return value


@compiled
def ray_levels(a, e, c, p, balanced):
    """Levels not above the least ones, up to rounding; levels at scales; these scales: (3, n)."""
    found = np.empty((3, len(a)))
    for k in range(len(a)):
        norm, length = np.abs(a[k]).max(), np.abs(e[k]).max()
        size, gain = abs(p[k]), c[k] if p[k] > 0 else -c[k]
        scale = np.sqrt(size) / np.sqrt(length)
        low = upper = _ray_distance(a[k], e[k], c[k], p[k], scale)
        if not balanced:
            low, high = 0.0, upper
            for _ in range(STEPS):
                middle = low + 0.5 * (high - low)
                first, last = _ray_interval(a[k], e[k], gain, size, middle)
                inside = np.isfinite(first) and first <= last
                if middle == (high if inside else low):
                    break
                low, high = (low, middle) if inside else (middle, high)
            first, last = _ray_interval(a[k], e[k], gain, size, high)
            middle = 0.5 * (first + last) if first <= last else scale
            # Scales that keep (c, a), a or c unchanged, and the balanced one, are free of the
            # bisection's rounding.
            upper, kept = np.inf, size / gain if gain > 0 else np.nan
            for t in (middle, scale, kept, norm / length, 1.0):
                value = _ray_distance(a[k], e[k], c[k], p[k], t)
                if value <= upper:
                    upper, scale = value, t
        found[0, k], found[1, k], found[2, k] = low, upper, scale
    return found


@compiled
def line_levels(a, normals):
    """Levels not above ``min over all real t of ‖a_i - t e_h‖_inf``, up to rounding, (m, K)."""
    found = np.empty((len(a), len(normals)))
    for h in range(len(normals)):
        e, turned = normals[h], -normals[h]
        for i in range(len(a)):
            low, high = 0.0, np.abs(a[i]).max()
            for _ in range(STEPS):
                middle = low + 0.5 * (high - low)
                first, last = scale_interval(a[i], e, middle)
                if first > last:
                    first, last = scale_interval(a[i], turned, middle)
                inside = first <= last
                if middle == (high if inside else low):
                    break
                low, high = (low, middle) if inside else (middle, high)
            found[i, h] = low
    return found


@compiled
def bottleneck_columns(costs):
    """A column for each row of costs (m, n) such that the largest entry used is least, (m,)."""
    m, n = costs.shape
    rows, columns = np.full(n, -1), np.empty(m, np.intp)
    for new in range(m):
        level, row, column = -np.inf, new, -1
        levels, before, seen = np.full(n, np.inf), np.full(n, -1), np.zeros(n, np.bool_)
        while True:  # the column that is nearest, by the largest entry on the way
            for j in range(n):
                if not seen[j] and max(level, costs[row, j]) < levels[j]:
                    levels[j], before[j] = max(level, costs[row, j]), column
            column = -1
            for j in range(n):
                if not seen[j] and (column < 0 or levels[j] < levels[column]):
                    column = j
            level, row, seen[column] = levels[column], rows[column], True
            if row < 0:
                break
        while column >= 0:  # all on the way move on
            last, column = column, before[column]
            rows[last] = rows[column] if column >= 0 else new
            columns[rows[last]] = last
    return columns
