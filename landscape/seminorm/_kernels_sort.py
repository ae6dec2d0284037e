"""Sorting in kernels: numpy's own takes numba many seconds to compile.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

#: Lines in one box from which on counting is no help.
CROWDED = 24


def insert(keys, companions, start, end):
    """Sort ``keys[start:end]`` by insertion, ties in order, and move their companions along.

    For few keys, or many that are nearly in order.
    """
    for t in range(start + 1, end):
        key = keys[t]
        if keys[t - 1] > key:
            companion = companions[t]
            s = t
            while s > start and keys[s - 1] > key:
                keys[s] = keys[s - 1]
                companions[s] = companions[s - 1]
                s -= 1
            keys[s] = key
            companions[s] = companion


def order_lines(keys, n, places, heads, order, ordered):
    """Sort lines by their cotangents ``keys[:n]``, finite: counting, then insertion.

    ``key / (1 + |key|)`` spreads the cotangents of lines in many directions evenly over (-1, 1), so
    that each of n boxes receives about one of them. Where they crowd, `sort_by` takes over.

    Parameters
    ----------
    places : int64 (n,), heads : int64 (n + 2,)
        Scratch.
    order : int64 (n,), ordered : (n,)
        Outputs: which line comes where, and its key.
    """
    for box in range(n + 2):
        heads[box] = 0
    half = 0.5 * n
    for t in range(n):
        places[t] = int(half + half * (keys[t] / (1.0 + abs(keys[t]))))
    for t in range(n):
        heads[places[t] + 1] += 1
    crowd, before = 0, 0
    for box in range(1, n + 2):
        crowd = max(crowd, heads[box])
        before += heads[box]
        heads[box] = before
    if crowd > CROWDED:
        for t in range(n):
            ordered[t] = keys[t]
        sort_by(ordered, order, n)
        return
    for t in range(n):
        at = heads[places[t]]
        heads[places[t]] = at + 1
        order[at] = t
        ordered[at] = keys[t]
    # Within the boxes, and across them where rounding moved a key.
    insert(ordered, order, 0, n)


def sort_by(keys, order, n):
    """Sort ``keys[:n]``, write their order into ``order[:n]``: quicksort, ties in no fixed order.

    numpy's own would do, but takes numba many seconds to compile.
    """
    for i in range(n):
        order[i] = i
    lows = np.empty(64, np.int64)
    highs = np.empty(64, np.int64)
    lows[0], highs[0] = 0, n - 1
    top = 1
    while top > 0:
        top -= 1
        low, high = lows[top], highs[top]
        while high - low > 16:
            # Median of three, then Hoare's partition; the larger part waits.
            a, b, c = keys[low], keys[(low + high) // 2], keys[high]
            pivot = max(min(a, b), min(max(a, b), c))
            i, j = low, high
            while i <= j:
                while keys[i] < pivot:
                    i += 1
                while keys[j] > pivot:
                    j -= 1
                if i <= j:
                    key, moved = keys[i], order[i]
                    keys[i], order[i] = keys[j], order[j]
                    keys[j], order[j] = key, moved
                    i += 1
                    j -= 1
            if j - low < high - i:
                lows[top], highs[top] = i, high
                high = j
            else:
                lows[top], highs[top] = low, j
                low = i
            top += 1
        insert(keys, order, low, high + 1)


def stable_order(keys):
    """`numpy.argsort` by merging, from runs of eight: numba's quicksort takes minutes at worst."""
    n = len(keys)
    source, target = keys.copy(), np.empty(n)
    order, other = np.arange(n), np.empty(n, dtype=np.int64)
    for start in range(0, n, 8):
        insert(source, order, start, min(start + 8, n))
    width = 8
    while width < n:
        for start in range(0, n, 2 * width):
            middle, end = min(start + width, n), min(start + 2 * width, n)
            left, right = start, middle
            for t in range(start, end):
                if right >= end or (left < middle and source[left] <= source[right]):
                    target[t], other[t] = source[left], order[left]
                    left += 1
                else:
                    target[t], other[t] = source[right], order[right]
                    right += 1
        source, target = target, source
        order, other = other, order
        width *= 2
    return order


def sort_rows(table, chosen):
    """The chosen rows' indices, sorted lexicographically."""
    n = len(chosen)
    tied = np.ones(n, dtype=np.bool_)  # with the one before
    for column in range(table.shape[1]):
        start, some = 0, False
        while start < n:
            end = start + 1
            while end < n and tied[end]:
                end += 1
            if end > start + 1:
                keys = np.empty(end - start)
                for t in range(start, end):
                    keys[t - start] = table[chosen[t], column]
                order = stable_order(keys)
                run = chosen[start:end].copy()
                for t in range(start, end):
                    chosen[t] = run[order[t - start]]
                    if t > start:
                        tied[t] = keys[order[t - start]] == keys[order[t - start - 1]]
                        some = some or tied[t]
            start = end
        if not some:
            break
