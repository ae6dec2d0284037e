"""Compiled parts of a merge tree: least losses of cells and facets, and Kruskal's algorithm."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
from __future__ import annotations

import numpy as np

from landscape.compiled import compiled

#: A column enters when it lowers the loss by this share of its and the residual's size.
ENTERS = 1e-13


@compiled
def multisets(n_types, size, count):
    """All multisets of ``size`` types as sorted rows, in the order of `rank`."""
    rows = np.zeros((count, size), dtype=np.int32)
    for k in range(1, count):
        i = 0
        # The first entry that may grow: the next one is larger, or it is the last one.
        while i < size - 1 and rows[k - 1, i] == rows[k - 1, i + 1]:
            i += 1
        for j in range(size):
            rows[k, j] = 0 if j < i else rows[k - 1, j]
        rows[k, i] += 1
    return rows


@compiled
def rank(row, binomials):
    """Number of a sorted row among the multisets of its size."""
    number = 0
    for i in range(row.size):
        number += binomials[row[i] + i, i + 1]
    return number


@compiled
def least(columns, gram, moments, y, chosen, k, x, work, used):
    """``min ‖y - sum_j x_j v_j‖²`` over x >= 0 and the chosen columns; by Lawson and Hanson.

    Writes x (k) and returns the minimum, summed up from the residuals. Columns (c, n) have norm
    one; ``work`` is scratch of shape (k + 1, k + 2), ``used`` of shape (k,).
    """
    n = y.size
    size = 0
    scale = 0.0
    for h in range(n):
        scale += y[h] * y[h]
    scale = np.sqrt(scale)
    for j in range(k):
        x[j] = 0.0
        used[j] = -1
    for _ in range(10 * k + 10):
        best, enter = ENTERS * scale, -1
        for j in range(k):
            inside = False
            for p in range(size):
                if used[p] == j:
                    inside = True
            if inside:
                continue
            slope = moments[chosen[j]]
            for p in range(size):
                slope -= gram[chosen[j], chosen[used[p]]] * x[used[p]]
            if slope > best:
                best, enter = slope, j
        if enter < 0:
            break
        used[size] = enter
        size += 1
        while True:
            # Normal equations of the used columns, by Cholesky; the last one may be dependent.
            good = True
            for p in range(size):
                for q in range(p + 1):
                    value = gram[chosen[used[p]], chosen[used[q]]]
                    for o in range(q):
                        value -= work[p, o] * work[q, o]
                    if p == q:
                        if value <= 1e-14:
                            good = False
                            break
                        work[p, p] = np.sqrt(value)
                    else:
                        work[p, q] = value / work[q, q]
                if not good:
                    break
            if not good:
                size -= 1
                break
            for p in range(size):
                value = moments[chosen[used[p]]]
                for o in range(p):
                    value -= work[p, o] * work[o, k]
                work[p, k] = value / work[p, p]
            for p in range(size - 1, -1, -1):
                value = work[p, k]
                for o in range(p + 1, size):
                    value -= work[o, p] * work[o, k + 1]
                work[p, k + 1] = value / work[p, p]
            step = 1.0
            for p in range(size):
                target = work[p, k + 1]
                if target <= 0.0:
                    step = min(step, x[used[p]] / (x[used[p]] - target))
            for p in range(size):
                j = used[p]
                x[j] += step * (work[p, k + 1] - x[j])
            if step == 1.0:
                break
            kept = 0
            for p in range(size):
                if work[p, k + 1] <= 0.0 and x[used[p]] <= 1e-15 * scale:
                    x[used[p]] = 0.0
                else:
                    used[kept] = used[p]
                    kept += 1
            if kept == size:  # rounding: drop the smallest
                small = 0
                for p in range(size):
                    if x[used[p]] < x[used[small]]:
                        small = p
                x[used[small]] = 0.0
                for p in range(small, size - 1):
                    used[p] = used[p + 1]
                kept = size - 1
            size = kept
        if not good:
            break
    total = 0.0
    for h in range(n):
        s = y[h]
        for p in range(size):
            s -= columns[chosen[used[p]], h] * x[used[p]]
        total += s * s
    return total


@compiled
def _gather(row, size, lists, lengths, marks, stamp, chosen, k):
    """Add the columns of a row's types to the k chosen ones, each once; returns their number."""
    for i in range(size):
        for j in range(lengths[row[i]]):
            c = lists[row[i], j]
            if marks[c] != stamp:
                marks[c] = stamp
                chosen[k] = c
                k += 1
    return k


@compiled
def cell_losses(rows, lists, lengths, columns, gram, moments, y, free, values, supports):
    """Least sums of squares of joint cells, and the columns that attain them, padded by -1."""
    width = supports.shape[1]
    marks = np.full(len(columns), -1, dtype=np.int64)
    chosen, used = np.empty(width, dtype=np.int64), np.empty(width, dtype=np.int64)
    x, work = np.empty(width), np.empty((width + 1, width + 2))
    for index in range(len(rows)):
        k = _gather(rows[index], rows.shape[1], lists, lengths, marks, index, chosen, 0)
        for j in range(free):
            chosen[k] = len(columns) - free + j
            k += 1
        values[index] = least(columns, gram, moments, y, chosen, k, x, work, used)
        p = 0
        for j in range(width):
            supports[index, j] = -1
        for j in range(k):
            if x[j] > 0.0:
                supports[index, p] = chosen[j]
                p += 1


@compiled
def facet_losses(
    rests, moves, shared, widths, lists, lengths, columns, gram, moments, y, free, binomials,
    values, supports, ends, losses,
):  # fmt: skip
    """Least sums of squares where two joint cells meet: one neuron moves, the rest stays.

    Writes the numbers of both cells into ``ends`` and the loss into ``losses``, for each rest and
    each move in turn. Where the minimizer of a cell lies on the facet nothing is solved.
    """
    size, width = rests.shape[1], supports.shape[1]
    marks = np.full(len(columns), -1, dtype=np.int64)
    chosen, used = np.empty(width, dtype=np.int64), np.empty(width, dtype=np.int64)
    x, work = np.empty(width), np.empty((width + 1, width + 2))
    row = np.empty(size + 1, dtype=np.int64)
    edge = 0
    for index in range(len(rests)):
        for move in range(len(moves)):
            for side in range(2):
                position = size
                row[size] = moves[move, side]
                for i in range(size):
                    row[i] = rests[index, i]
                while position > 0 and row[position - 1] > moves[move, side]:
                    row[position] = row[position - 1]
                    position -= 1
                row[position] = moves[move, side]
                ends[edge, side] = rank(row, binomials)
            k = _gather(rests[index], size, lists, lengths, marks, edge, chosen, 0)
            for j in range(widths[move]):
                c = shared[move, j]
                if marks[c] != edge:
                    marks[c] = edge
                    chosen[k] = c
                    k += 1
            for j in range(free):
                chosen[k] = len(columns) - free + j
                marks[chosen[k]] = edge
                k += 1
            lowest = max(values[ends[edge, 0]], values[ends[edge, 1]])
            value = -1.0
            for side in range(2):
                inside = True
                for j in range(width):
                    c = supports[ends[edge, side], j]
                    if c < 0:
                        break
                    if marks[c] != edge:
                        inside = False
                        break
                if inside:
                    value = values[ends[edge, side]]
            if value < 0.0:
                value = least(columns, gram, moments, y, chosen, k, x, work, used)
            losses[edge] = max(value, lowest)
            edge += 1


@compiled
def kruskal(values, ends, losses, order):
    """Merge cells along facets from the lowest on; the component with the lower minimum survives.

    Returns for each cell, as the lowest of its component, into which cell's component that merged,
    at which facet, and of how many cells it consisted; -1 where it did not merge. ``kept`` are the
    facets of the spanning forest.
    """
    n = values.size
    link, parent = np.arange(n), np.full(n, -1, dtype=np.int64)
    facet, size = np.full(n, -1, dtype=np.int64), np.ones(n, dtype=np.int64)
    kept = np.empty(n, dtype=np.int64)
    n_kept = 0
    for edge in order:
        pair = np.empty(2, dtype=np.int64)
        for side in range(2):
            c = ends[edge, side]
            while link[c] != c:
                link[c] = link[link[c]]
                c = link[c]
            pair[side] = c
        one, two = pair
        if one == two:
            continue
        if values[two] < values[one] or (values[two] == values[one] and two < one):
            one, two = two, one
        link[two] = parent[two] = one
        facet[two] = edge
        size[one] += size[two]
        kept[n_kept] = edge
        n_kept += 1
    return parent, facet, size, kept[:n_kept]
