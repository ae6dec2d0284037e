"""Compiled parts of a merge tree: least losses of cells and facets, and Kruskal's algorithm.

A cell or facet is a row of numbers of ``lists``, (l, w) numbers of columns, padded by -1: those of
its types, of the move, and the last one, of the offset. ``problem`` is the columns (c, n) of norm
one, their inner products with each other and with y, and y.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
import numpy as np

from landscape.compiled import compiled

#: A column enters when it lowers the loss by this share of its and the residual's size.
ENTERS = 1e-13


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
def _solve(gram, moments, used, size, work, target):
    """The least squares solution on the used columns, by Cholesky; false if they are dependent."""
    for p in range(size):
        for q in range(p + 1):
            value = gram[used[p], used[q]]
            for o in range(q):
                value -= work[p, o] * work[q, o]
            if q < p:
                work[p, q] = value / work[q, q]
            elif value > 1e-14:
                work[p, p] = np.sqrt(value)
            else:
                return False
        value = moments[used[p]]
        for o in range(p):
            value -= work[p, o] * target[o]
        target[p] = value / work[p, p]
    for p in range(size - 1, -1, -1):
        for o in range(p + 1, size):
            target[p] -= work[o, p] * target[o]
        target[p] /= work[p, p]
    return True


@compiled
def _least(problem, chosen, k, used, x, target, work):
    """``min ‖y - sum_j x_j v_j‖²`` over x >= 0 and k chosen columns, by Lawson and Hanson.

    Returns the minimum, summed up from the residuals, and the size of its support ``used``.
    """
    columns, gram, moments, y = problem
    size, good = 0, True
    scale = 0.0
    for h in range(y.size):
        scale += y[h] * y[h]
    scale = np.sqrt(scale)
    for _ in range(10 * k + 10):
        best, enter = ENTERS * scale, -1
        for j in range(k):
            slope = moments[chosen[j]]
            for p in range(size):
                slope -= gram[chosen[j], used[p]] * x[p]
                if used[p] == chosen[j]:
                    slope = -np.inf
            if slope > best:
                best, enter = slope, chosen[j]
        if enter < 0:
            break
        used[size], x[size] = enter, 0.0
        size += 1
        while True:
            good = _solve(gram, moments, used, size, work, target)
            if not good:
                size -= 1
                break
            step, lowest = 1.0, np.inf
            for p in range(size):
                if target[p] <= 0.0:
                    step = min(step, x[p] / (x[p] - target[p]))
            for p in range(size):
                x[p] += step * (target[p] - x[p])
                if target[p] <= 0.0:
                    lowest = min(lowest, x[p])
            if step == 1.0:
                break
            kept, lowest = 0, max(lowest, 1e-15 * scale)
            for p in range(size):
                if target[p] > 0.0 or x[p] > lowest:
                    used[kept], x[kept] = used[p], x[p]
                    kept += 1
            size = kept
        if not good:
            break
    total = 0.0
    for h in range(y.size):
        s = y[h]
        for p in range(size):
            s -= columns[used[p], h] * x[p]
        total += s * s
    return total, size


@compiled
def _scratch(width):
    """``used``, ``x``, ``target`` and ``work`` of `_least`."""
    used = np.empty(width + 1, dtype=np.int64)
    return used, np.empty(width + 1), np.empty(width + 1), np.empty((width + 1, width + 1))


@compiled
def cell_losses(rows, lists, problem, values, supports):
    """Least sums of squares of joint cells, and the columns that attain them, padded by -1."""
    m, width = rows.shape[1], supports.shape[1]
    marks, chosen = np.full(len(problem[0]), -1), np.empty(width, dtype=np.int64)
    used, x, target, work = _scratch(width)
    row = np.full(m + 1, len(lists) - 1)
    for index in range(len(rows)):
        for p in range(m):
            row[p] = rows[index, p]
        k = _gather(row, lists, marks, index, chosen)
        values[index], size = _least(problem, chosen, k, used, x, target, work)
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
    used, x, target, work = _scratch(width)
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
                lowest = max(lowest, _least(problem, chosen, k, used, x, target, work)[0])
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
