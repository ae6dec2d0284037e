"""Compiled parts of the global bracket: cones of weight vectors, their cuts, and bounds of nodes.

A *group* of a node is a cone, a sign and a multiplicity: so many neurons of that sign have their
products in the cone, spanned by ``lines`` (both ways) and ``rays``, the first rows of its
generators. Arrays of nodes: generators (N, m, G, D), counts (N, m, 4) of lines, rays, the sign, and
the multiplicity (0: no group), and the group and the sample to branch at (N, 2).
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
import numpy as np

from landscape._kernels import copy, inner, nonnegative
from landscape.compiled import compiled

#: Inner products of unit vectors below this are zero: a ray lies on the hyperplane.
ZERO = 1e-12
#: Unit rays with a larger inner product, nearer than 1e-7, are not told apart by a bound.
PARALLEL = 1.0 - 5e-15
#: A least squares problem is solved if its minimum is known up to this share of ``‖y‖²``.
SOLVED = 1e-6
#: Rounds in which the rows of undecided samples enter and leave.
ROUNDS = 8


@compiled
def normalize(vector):
    """Divide a vector by its norm, in place; the norm, 1 for zero."""
    norm = np.sqrt(inner(vector, vector))
    if norm == 0.0:
        return 1.0
    for k in range(len(vector)):
        vector[k] /= norm
    return norm


@compiled
def fit(columns, target, scale, x, rest):
    """Non-negative weights x of columns (size, n) of norm one, and what of the target is left.

    ``scale`` is the target's norm. Returns the error of `nonnegative`, as a share of its square.
    """
    size, n = columns.shape
    gram, moments = np.empty((size, size)), np.empty(size)
    for i in range(size):
        for j in range(i + 1):
            gram[i, j] = gram[j, i] = inner(columns[i], columns[j])
        moments[i] = inner(columns[i], target) / scale
    error = nonnegative(gram, moments, size, x)
    for k in range(n):
        rest[k] = target[k]
    for j in range(size):
        x[j] *= scale
        if x[j] > 0.0:
            for k in range(n):
                rest[k] -= x[j] * columns[j, k]
    return error


@compiled
def _values(generators, size, X, values):
    """``<g, x_k>`` of the first generators, in place; what is rounding is zero."""
    for g in range(size):
        for k in range(len(X)):
            s = 0.0
            for j in range(X.shape[1]):
                s += generators[g, j] * X[k, j]
            values[g, k] = s if abs(s) > ZERO else 0.0


@compiled
def _sides(values, lines, rays, sides):
    """Side of every sample on a cone: 1 or -1, 0 where it has both, 2 where a line crosses it."""
    for k in range(values.shape[1]):
        above = below = crossed = False
        for g in range(lines):
            crossed |= values[g, k] != 0.0
        for g in range(lines, lines + rays):
            above |= values[g, k] > 0.0
            below |= values[g, k] < 0.0
        sides[k] = 2 if crossed else 0 if above and below else 1 if above else -1


@compiled
def _combine(s, a, t, b, into):
    """``s a + t b``."""
    for j in range(len(a)):
        into[j] = s * a[j] + t * b[j]


@compiled
def _cut(old, lines, rays, values, sides, k, side, new):
    """The part of a cone where ``side <g, x_k> >= 0``, by double description.

    Returns the numbers of lines and rays; -1 if there is no room for them.
    """
    size, pivot = lines + rays, 0
    for g in range(lines):
        if abs(values[g, k]) > abs(values[pivot, k]):
            pivot = g
    if lines > 0 and values[pivot, k] != 0.0:
        at = 0
        for g in range(size):
            if g != pivot:
                _combine(1.0, old[g], -values[g, k] / values[pivot, k], old[pivot], new[at])
                normalize(new[at])
                at += 1
        turned = float(side if values[pivot, k] > 0 else -side)
        _combine(turned, old[pivot], 0.0, old[pivot], new[at])
        return lines - 1, rays + 1
    at = 0
    for g in range(size):
        if g < lines or side * values[g, k] >= 0.0:
            _combine(1.0, old[g], 0.0, old[g], new[at])
            at += 1
    for p in range(lines, size):
        for q in range(lines, size):
            if side * values[p, k] <= 0.0 or side * values[q, k] >= 0.0:
                continue
            adjacent = True
            for t in range(lines, size):  # a third ray on the same face: they are no edge
                if t in (p, q) or not adjacent:
                    continue
                inside = True
                for h in range(sides.size):
                    if abs(sides[h]) == 1 and values[p, h] == 0.0 and values[q, h] == 0.0:
                        inside &= values[t, h] == 0.0
                adjacent = not inside
            if adjacent:
                if at == len(new):
                    return -1, -1
                _combine(abs(values[q, k]), old[p], abs(values[p, k]), old[q], new[at])
                normalize(new[at])
                at += 1
    return lines, at - lines


@compiled
def _bound(generators, counts, X, y, offset, centre, free):
    """A lower bound of the sum of squares on a node, and where to branch.

    On a cone ``u = sum_r w_r r``, w >= 0, so that ``relu(<u, x>)`` lies between
    ``relu(sum_r w_r <r, x>)`` and ``sum_r w_r relu(<r, x>)``, both the same where all rays are on
    one side of x. A convex problem in w; where it is not solved, undecided samples are left out.
    Returns the bound, the group and the sample where these two differ most (-1: nowhere), and the
    sum of squares of the network with one neuron ``free[i]`` per group, its offset in the last row.
    """
    m, n = counts.shape[0], len(X)
    total = 0
    for p in range(m):
        total += counts[p, 1]
    width = total + 2
    values = np.empty((m, generators.shape[1], n))
    sides = np.empty((m, n), dtype=np.int64)
    group, ray = np.empty(width, dtype=np.int64), np.empty(width, dtype=np.int64)
    c = 0
    rows = np.ones(n, dtype=np.int64)  # 1: decided, 0: undecided, -1: a line crosses it
    branch_group, branch_sample, thin = -1, -1, False
    for p in range(m):
        if counts[p, 3] == 0:
            continue
        lines, rays = counts[p, 0], counts[p, 1]
        _values(generators[p], lines + rays, X, values[p])
        _sides(values[p], lines, rays, sides[p])
        for k in range(n):
            if sides[p, k] == 2:
                rows[k] = -1
            elif sides[p, k] == 0 and rows[k] == 1:
                rows[k] = 0
        for g in range(lines, lines + rays):
            group[c], ray[c] = p, g
            c += 1
            for h in range(lines, g):
                thin |= inner(generators[p, g], generators[p, h]) > PARALLEL
        if branch_group < 0:
            crossed = 0.0  # by a line, at the centre first, then where it is farthest
            for k in range(n):
                size = 0.0
                for g in range(lines):
                    size = max(size, abs(values[p, g, k]))
                if size > crossed:
                    crossed, branch_group, branch_sample = size, p, k
            if crossed > 0.0 and lines == X.shape[1]:
                branch_sample = centre
    by_line = branch_group >= 0
    has_offset = False
    for k in range(n):
        has_offset |= offset[k] != 0.0
    k_columns = c + 2 * has_offset
    columns, target, residual = np.empty((k_columns, n)), np.empty(n), np.empty(n)
    x = np.empty(k_columns)
    weights, norms = np.zeros(k_columns), np.empty(k_columns)
    linear, chord = np.zeros((m, n)), np.zeros((m, n))
    state = np.empty(n, dtype=np.int64)  # 1: decided; 2: above the target; 3: below it; 0: out
    for k in range(n):
        state[k] = 1 if rows[k] == 1 else 0
    scale = np.sqrt(inner(y, y))
    lowest, high, low = 0.0, np.empty(n), np.empty(n)
    for _ in range(ROUNDS):
        for k in range(n):
            target[k] = y[k] if state[k] > 0 else 0.0
        for j in range(c):
            p = group[j]
            own, side, below, sign = values[p, ray[j]], sides[p], linear[p], counts[p, 2]
            for k in range(n):
                # The largest value of the neuron counts, or what is linear in its weights.
                upper = abs(side[k]) == 1 or (state[k] == 3) == (sign > 0)
                v = max(own[k], 0.0) if upper else own[k] if below[k] > 0.0 else 0.0
                columns[j, k] = sign * v if state[k] > 0 else 0.0
        for j in range(c, k_columns):
            for k in range(n):
                columns[j, k] = (offset[k] if state[k] > 0 else 0.0) * (1.0 if j == c else -1.0)
        for j in range(k_columns):
            norms[j] = normalize(columns[j])
        error = fit(columns, target, scale, x, residual)
        if thin or error > SOLVED:
            break
        value = inner(residual, residual) - error * scale * scale
        for j in range(k_columns):
            weights[j] = x[j] / norms[j]
        right = True  # a row counts where the network is on its wrong side, whichever piece it is
        for k in range(n):
            right &= not (state[k] == 2 and residual[k] > 0.0)
            right &= not (state[k] == 3 and residual[k] < 0.0)
        if right:
            lowest = max(lowest, value)
        for p in range(m):
            for k in range(n):
                linear[p, k] = chord[p, k] = 0.0
        for j in range(c):
            p = group[j]
            own, below, above = values[p, ray[j]], linear[p], chord[p]
            for k in range(n):
                v = weights[j] * own[k]
                below[k] += v
                above[k] += max(v, 0.0)
        for k in range(n):
            high[k] = low[k] = (weights[c] - weights[c + 1]) * offset[k] if has_offset else 0.0
        for p in range(m):
            if counts[p, 3] > 0:
                below, above, positive = linear[p], chord[p], counts[p, 2] > 0
                for k in range(n):
                    one, two = max(below[k], 0.0), above[k]
                    high[k] += two if positive else -one
                    low[k] += one if positive else -two
        changed = False
        for k in range(n):
            if rows[k] != 0:
                continue
            now = 3 if high[k] < y[k] else 2 if low[k] > y[k] else 0
            changed |= now != state[k]
            state[k] = now
        if not changed:
            break
    for p in range(m + 1):
        for j in range(free.shape[1]):
            free[p, j] = 0.0
    for j in range(c):
        row = free[group[j]]
        _combine(1.0, row, weights[j], generators[group[j], ray[j]], row)
    if has_offset:
        free[m, 0] = weights[c] - weights[c + 1]
    widest = 0.0
    loss = 0.0
    for k in range(n):
        s = free[m, 0] * offset[k] - y[k]
        for p in range(m):
            if counts[p, 3] > 0:
                s += counts[p, 2] * max(linear[p, k], 0.0)
                if sides[p, k] == 0:
                    gap = chord[p, k] - max(linear[p, k], 0.0)
                    if not by_line and (branch_group < 0 or gap > widest):
                        branch_group, branch_sample, widest = p, k, gap
        loss += s * s
    return lowest, branch_group, branch_sample, loss


@compiled
def expand(nodes, X, y, offset, centre, cutoff, children, best):
    """Branch every node of ``nodes``; write the children that may hold less than ``cutoff``.

    Both are (bounds, generators, counts, branches). Returns how many children there are, how many
    were bounded, the lowest bound that cannot be branched (``inf``: none), the least sum of squares
    of a network. That network is then in ``best`` (m + 1, D + 1):
    products, sign times multiplicity of each group, and the offset in the last row.
    """
    bounds, generators, counts, branches = nodes
    new_bounds, new_generators, new_counts, new_branches = children
    m, G, D = generators.shape[1:]
    n = len(X)
    values, sides = np.empty((G, n)), np.empty(n, dtype=np.int64)
    halves, sizes = np.empty((2, G, D)), np.empty((2, 2), dtype=np.int64)
    free = np.zeros((m + 1, D))
    at = bounded = 0
    closed = least = np.inf
    for index in range(len(bounds)):
        p, k = branches[index]
        lines, rays, sign, copies = counts[index, p]
        _values(generators[index, p], lines + rays, X, values)
        _sides(values, lines, rays, sides)
        full = False
        for half in range(2):
            one, two = _cut(
                generators[index, p], lines, rays, values, sides, k, 1 - 2 * half, halves[half]
            )
            sizes[half, 0], sizes[half, 1] = one, two
            full |= one < 0
        if full:
            closed = min(closed, bounds[index])
            continue
        for above in range(copies + 1):
            for q in range(m):
                copy(generators[index, q], new_generators[at, q])
            copy(counts[index], new_counts[at])
            new_counts[at, p, 3] = 0
            for half in range(2):
                share = above if half == 0 else copies - above
                if share == 0:
                    continue
                q = 0
                while new_counts[at, q, 3] > 0:
                    q += 1
                copy(halves[half], new_generators[at, q])
                new_counts[at, q, 0], new_counts[at, q, 1] = sizes[half, 0], sizes[half, 1]
                new_counts[at, q, 2], new_counts[at, q, 3] = sign, share
            bound, group, sample, loss = _bound(
                new_generators[at], new_counts[at], X, y, offset, centre, free
            )
            bounded += 1
            bound = max(bound, bounds[index])
            if loss < least:
                least = loss
                copy(free, best)
                for q in range(m):
                    best[q, D] = new_counts[at, q, 2] * new_counts[at, q, 3]
            if group < 0:
                closed = min(closed, bound)
            elif bound < cutoff:
                new_bounds[at] = bound
                new_branches[at, 0], new_branches[at, 1] = group, sample
                at += 1
    return at, bounded, closed, least
