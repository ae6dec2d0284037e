"""Compiled parts of the global bracket for one input: every neuron has its kink in an interval.

The points are the n different inputs, ascending, with sums of what falls on each. A group of a node
is (sign, kind, a, b, multiplicity): so many neurons ``sigma relu(+-(t - s))`` of that sign with s
between the points a and b, of kind 0 (to the right), 1 (to the left), or 2: positive on all points,
so affine. Multiplicity 0 is no group.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
import numpy as np

from landscape.bracket._kernels import SOLVED, nonnegative
from landscape.compiled import compiled


@compiled
def pieces(points, values, least):
    """Lower bounds of the least sum of squares of k + 1 affine pieces, (k, low, high), in place.

    On the points low..high - 1; ``values`` (n, 3) are weights, mean targets, and sums of squares
    about these. Sums are about the means, so that no digits cancel where points are near.
    """
    kinks, n = least.shape[0], len(points)
    for low in range(n):
        w = t = tt = y = ty = yy = 0.0
        for high in range(low + 1, n + 1):
            own, mean, spread = values[high - 1]
            share, dt, dy = own / (w + own), points[high - 1] - t, mean - y
            tt += w * share * dt * dt
            ty += w * share * dt * dy
            yy += w * share * dy * dy + spread
            w, t, y = w + own, t + share * dt, y + share * dy
            least[0, low, high] = max(yy - ty * ty / tt, 0.0) if tt > 0.0 else yy
    for k in range(1, kinks):
        for low in range(n):
            for high in range(low + 1, n + 1):
                lowest = least[k - 1, low, high]
                for cut in range(low + 1, high):
                    lowest = min(lowest, least[k - 1, low, cut] + least[0, cut, high])
                least[k, low, high] = lowest


@compiled
def _column(kind, points, at):
    """A ray (w, v), which gives relu(w t + v), of a kind with its kink at a point."""
    return (1.0, -points[at]) if kind == 0 else (-1.0, points[at])


@compiled
def _bound(node, points, sums, least, offset, free):
    """A lower bound of the sum of squares on a node, and the group to branch at (-1: none).

    Where no kink may be, the network is linear in the weights of the rays at both ends of every
    interval; on the points inside intervals it has at least the loss of as many affine pieces as
    there may be. ``free`` receives the products (w, v) of one neuron per group, and the offset.
    """
    m, n = len(node), len(points)
    rays, owner = np.empty((2 * m + 2, 2)), np.empty(2 * m + 2, dtype=np.int64)
    ends, signs = np.empty(2 * m + 2, dtype=np.int64), np.empty(2 * m + 2)
    bounds, widest, branch, c, cuts = np.empty(2 * m + 2, dtype=np.int64), 1, -1, 0, 0
    bounds[0], bounds[1] = 0, n - 1
    cuts = 2
    for p in range(m):
        sign, kind, a, b, copies = node[p]
        if copies == 0:
            continue
        for end in range(2):
            at = (a, b)[end]
            one = kind if kind < 2 else end
            rays[c, 0], rays[c, 1] = _column(one, points, at)
            ends[c] = at if kind < 2 else -1
            owner[c], signs[c] = p, sign
            c += 1
        if kind < 2:
            bounds[cuts], bounds[cuts + 1] = a, b
            cuts += 2
            if b - a > widest:
                widest, branch = b - a, p
    size = c
    if offset:
        for sign in range(2):
            rays[c, 0], rays[c, 1] = 0.0, 1.0
            ends[c], owner[c], signs[c] = -1, m, 1.0 - 2.0 * sign
            c += 1
    bounds[:cuts].sort()
    gram, moments, weights = np.zeros((c, c)), np.zeros(c), np.empty(c)
    total = inside = 0.0
    block = -1  # where the present run of points that kinks may pass began
    kinks = 0
    for piece in range(2 * cuts - 1):
        # points at a boundary, and the open stretch behind it, in turn
        if piece % 2 == 0:
            low = bounds[piece // 2]
            high = low + 1
            if piece > 0 and low == bounds[piece // 2 - 1]:
                continue
        else:
            low, high = bounds[piece // 2] + 1, bounds[piece // 2 + 1]
            if low >= high:
                continue
        crossed = False
        for p in range(m):
            if node[p, 4] > 0 and node[p, 1] < 2:
                crossed |= node[p, 2] < low and high - 1 < node[p, 3]
        if crossed:
            if block < 0:
                block = low
            continue
        if block >= 0:
            kinks = 0
            for p in range(m):
                # a kink that has points of the block on both sides
                if node[p, 1] < 2 and node[p, 2] < low - 1 and node[p, 3] > block:
                    kinks += node[p, 4]
            inside += least[min(kinks, len(least) - 1), block, low]
            block = -1
        w, t, tt, y, ty, yy = sums[high] - sums[low]
        total += yy
        for i in range(c):
            weights[i] = 0.0
            active = ends[i] < 0
            if ends[i] >= 0:
                active = low >= ends[i] if rays[i, 0] > 0 else high - 1 <= ends[i]
            if active:
                weights[i] = signs[i]
        for i in range(c):
            if weights[i] == 0.0:
                continue
            a, b = rays[i]
            moments[i] += weights[i] * (a * ty + b * y)
            for j in range(i + 1):
                if weights[j] != 0.0:
                    e, f = rays[j]
                    gram[i, j] += (
                        weights[i] * weights[j] * (a * e * tt + (a * f + b * e) * t + b * f * w)
                    )
    scale = np.sqrt(sums[n, 5])
    norms, x = np.empty(c), np.empty(c)
    for i in range(c):
        norms[i] = np.sqrt(gram[i, i]) if gram[i, i] > 0 else 1.0
    for i in range(c):
        moments[i] /= norms[i] * scale
        for j in range(i + 1):
            gram[i, j] /= norms[i] * norms[j]
            gram[j, i] = gram[i, j]
    bound = inside
    free[:] = 0.0
    error = nonnegative(gram, moments, c, x)
    value = total / (scale * scale)
    for i in range(c):
        value -= 2.0 * moments[i] * x[i]
        for j in range(c):
            value += x[i] * gram[i, j] * x[j]
    if error <= SOLVED:
        bound += max(value - error, 0.0) * scale * scale
    for i in range(size):
        free[owner[i]] += x[i] * scale / norms[i] * rays[i]
    if offset:
        free[m, 0] = (x[c - 2] / norms[c - 2] - x[c - 1] / norms[c - 1]) * scale
    return bound, branch


@compiled
def _loss(node, points, sums, free):
    """The sum of squares of a network with one neuron per group, by points."""
    s = 0.0
    for k in range(len(points)):
        w, _, _, y, _, yy = sums[k + 1] - sums[k]
        value = free[len(node), 0]
        for p in range(len(node)):
            if node[p, 4] > 0:
                value += node[p, 0] * max(free[p, 0] * points[k] + free[p, 1], 0.0)
        s += yy - 2.0 * value * y + value * value * w
    return s


@compiled
def expand(nodes, points, sums, least, offset, cutoff, children, best):
    """As `landscape.bracket._kernels.expand`; nodes are (bounds, groups, branches)."""
    bounds, groups, branches = nodes
    new_bounds, new_groups, new_branches = children
    m = groups.shape[1]
    free = np.zeros((m + 1, 2))
    at = bounded = 0
    closed = lowest = np.inf
    for index in range(len(bounds)):
        p = branches[index]
        if p >= 0:
            sign, kind, a, b, copies = groups[index, p]
        else:  # a root: to be bounded
            sign, kind, a, b, copies = 0, 0, 0, 0, 0
        middle = (a + b) // 2
        for left in range(copies + 1):
            new_groups[at] = groups[index]
            if p >= 0:
                new_groups[at, p, 4] = 0
                for half in range(2):
                    share = left if half == 0 else copies - left
                    if share == 0:
                        continue
                    q = 0
                    while new_groups[at, q, 4] > 0:
                        q += 1
                    new_groups[at, q, 0], new_groups[at, q, 1] = sign, kind
                    new_groups[at, q, 2] = a if half == 0 else middle
                    new_groups[at, q, 3] = middle if half == 0 else b
                    new_groups[at, q, 4] = share
            bound, branch = _bound(new_groups[at], points, sums, least, offset, free)
            bounded += 1
            bound = max(bound, bounds[index])
            if bound >= cutoff:
                closed = closed if branch >= 0 else min(closed, bound)
                continue
            loss = _loss(new_groups[at], points, sums, free)
            if loss < lowest:
                lowest = loss
                best[:, :2] = free
                best[:m, 2] = new_groups[at, :, 0] * new_groups[at, :, 4]
            if branch < 0:
                closed = min(closed, bound)
            else:
                new_bounds[at], new_branches[at] = bound, branch
                at += 1
    return at, bounded, closed, lowest
