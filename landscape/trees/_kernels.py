"""Compiled parts of a merge tree: least losses of cells and facets, and Kruskal's algorithm.

A cell or facet is a row of numbers of ``lists``, (l, w) numbers of columns, padded by -1: those of
its types, of the move, and the last one, of the offset. ``problem`` is the columns (c, n) of norm
one, their inner products with each other and with y, and y.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
import numpy as np

from landscape._kernels import inner, nonnegative
from landscape.compiled import compiled


@compiled
def _gather(row, lists, marks, stamp, chosen):
    """Choose and mark the columns of a row's lists, each once; returns their number."""
    k = 0
    for t in row:
        for c in lists[t]:
            if c < 0:
                break
            if marks[c] != stamp:
                marks[c] = stamp
                chosen[k] = c
                k += 1
    return k


@compiled
def _inside(support, marks, stamp):
    """Whether all columns of a padded support are marked."""
    for c in support:
        if c < 0:
            break
        if marks[c] != stamp:
            return False
    return True


@compiled
def _least(problem, chosen, k, used, x, gram, moments):
    """``min ‖y - sum_j x_j v_j‖²`` over x >= 0 and k chosen columns.

    Returns the minimum, summed up from the residuals, and the size of its support ``used``.
    """
    columns, products, slopes, y = problem
    scale = np.sqrt(inner(y, y))
    if scale == 0.0:
        return 0.0, 0
    for p in range(k):
        for q in range(k):
            gram[p, q] = products[chosen[p], chosen[q]]
        moments[p] = slopes[chosen[p]] / scale
    nonnegative(gram, moments, k, x)
    size = 0
    for p in range(k):
        if x[p] > 0.0:
            used[size], x[size] = chosen[p], x[p] * scale
            size += 1
    total = 0.0
    for h in range(y.size):
        s = y[h]
        for p in range(size):
            s -= columns[used[p], h] * x[p]
        total += s * s
    return total, size


@compiled
def _scratch(width):
    """``used``, ``x``, ``gram`` and ``moments`` of `_least`."""
    used = np.empty(width, dtype=np.int64)
    return used, np.empty(width), np.empty((width, width)), np.empty(width)


@compiled
def cell_losses(rows, lists, problem, values, supports):
    """Least sums of squares of joint cells, and the columns that attain them, padded by -1."""
    m, width = rows.shape[1], supports.shape[1]
    marks, chosen = np.full(len(problem[0]), -1), np.empty(width, dtype=np.int64)
    used, x, gram, moments = _scratch(width)
    row = np.full(m + 1, len(lists) - 1)
    for index in range(len(rows)):
        for p in range(m):
            row[p] = rows[index, p]
        k = _gather(row, lists, marks, index, chosen)
        values[index], size = _least(problem, chosen, k, used, x, gram, moments)
        for p in range(size):
            supports[index, p] = used[p]


@compiled
def facet_losses(rests, moves, lists, problem, values, supports, ends, losses):
    """Least sums of squares where two joint cells meet: one neuron moves, the rest stays.

    Into ``losses``, for each rest and each of the so many moves in turn; ``ends`` are the numbers
    of both cells. Where the minimizer of a cell lies on the facet nothing is solved.
    """
    size, width = rests.shape[1], supports.shape[1]
    marks, chosen = np.full(len(problem[0]), -1), np.empty(width, dtype=np.int64)
    used, x, gram, moments = _scratch(width)
    row = np.full(size + 2, len(lists) - 1)
    edge = 0
    for index in range(len(rests)):
        for p in range(size):
            row[p] = rests[index, p]
        for move in range(moves):
            row[size] = len(lists) - 1 - moves + move
            k = _gather(row, lists, marks, edge, chosen)
            lowest, solved = 0.0, False
            for side in range(2):
                cell = ends[edge, side]
                lowest = max(lowest, values[cell])
                solved |= _inside(supports[cell], marks, edge)
            if not solved:
                lowest = max(lowest, _least(problem, chosen, k, used, x, gram, moments)[0])
            losses[edge] = lowest
            edge += 1


@compiled
def kruskal(values, ends, losses, order):
    """Merge cells along facets from the lowest on; the component with the lower minimum survives.

    Returns for each cell, as the lowest of its component, into which cell's component that merged,
    at which facet, and of how many cells it consisted; -1 where it did not merge. ``kept`` are the
    facets of the spanning forest.
    """
    n = values.size
    link, parent = np.arange(n), np.full(n, -1)
    facet, size, kept = np.full(n, -1), np.ones(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    n_kept = 0
    pair = np.empty(2, dtype=np.int64)
    for edge in order:
        for side in range(2):
            c = ends[edge, side]
            while link[c] != c:
                link[c] = link[link[c]]
                c = link[c]
            pair[side] = c
        one, two = pair[0], pair[1]
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
