"""Kernels of the least levels at which neurons meet rays and lines, see `_rays`."""

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
def ray_levels(a, e, gains, sizes, highs):
    """Brackets of the least levels and the interval of scales at the upper ends, (4, n)."""
    found = np.empty((4, len(a)))
    for k in range(len(a)):
        low, high = 0.0, highs[k]
        for _ in range(STEPS):
            middle = low + 0.5 * (high - low)
            first, last = _ray_interval(a[k], e[k], gains[k], sizes[k], middle)
            inside = np.isfinite(first) and first <= last
            if middle == (high if inside else low):
                break
            low, high = (low, middle) if inside else (middle, high)
        found[0, k], found[1, k] = low, high
        found[2, k], found[3, k] = _ray_interval(a[k], e[k], gains[k], sizes[k], high)
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
