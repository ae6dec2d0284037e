"""Compiled parts of the global bracket for one input: every neuron has its kink in an interval.

The points are the n different inputs, ascending, with what falls on each. A group of a node is
(sign, kind, a, b, multiplicity): so many neurons ``sigma relu(+-(t - s))`` of that sign with s
between the points a and b, of kind 0 (to the right), 1 (to the left), or 2: positive on all points,
so affine. Multiplicity 0 is no group. Overlapping intervals make a *block*; between blocks are
*runs* of points on which every network of the node is affine. Only differences of points enter.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 or int64.
import numpy as np

from landscape._kernels import copy, inner
from landscape.bracket._kernels import fit, normalize
from landscape.compiled import compiled

#: Unit of rounding.
U = 2.0**-53


@compiled
def pieces(points, values, runs, least):
    """Sums over runs of points, and lower bounds of the least sum of squares of affine pieces.

    ``values`` (n, 3) are weights, mean targets, and sums of squares about these. In place, for the
    points low..high - 1: ``runs`` (n, n + 1, 5) weight, mean input less the first, mean target,
    sums of squares of inputs and of products about the means; ``least`` (k, n + 1, n + 1) of k + 1
    pieces. Sums are about the means, so that no digits cancel where points are near.
    """
    kinks, n = least.shape[0], len(points)
    for low in range(n):
        w = t = tt = y = ty = yy = 0.0
        for high in range(low + 1, n + 1):
            own, mean, spread = values[high - 1]
            share, dt, dy = own / (w + own), points[high - 1] - points[low] - t, mean - y
            tt += w * share * dt * dt
            ty += w * share * dt * dy
            yy += w * share * dy * dy + spread
            w, t, y = w + own, t + share * dt, y + share * dy
            run = runs[low, high]
            run[0], run[1], run[2], run[3], run[4] = w, t, y, tt, ty
            least[0, low, high] = max(yy - ty * ty / tt, 0.0) if tt > 0.0 else yy
    for k in range(1, kinks):
        for low in range(n):
            for high in range(low + 1, n + 1):
                lowest = least[k - 1, low, high]
                for cut in range(low + 1, high):
                    lowest = min(lowest, least[k - 1, low, cut] + least[0, cut, high])
                least[k, low, high] = lowest


@compiled
def _blocks(node, n, blocks):
    """First and last points of the blocks, ascending, and whether ends of intervals lie inside."""
    count = 0
    last = -1
    while True:
        first, index = n, -1
        for p in range(len(node)):
            after = node[p, 2] > last or (node[p, 2] == last and p > blocks[len(node), 0])
            if node[p, 4] > 0 and node[p, 1] < 2 and node[p, 2] < first and after:
                first, index = node[p, 2], p
        if index < 0:
            return count
        last, blocks[len(node), 0] = first, index
        if count > 0 and first < blocks[count - 1, 1]:
            if first > blocks[count - 1, 0] or node[index, 3] != blocks[count - 1, 1]:
                blocks[count - 1, 2] = 1
            blocks[count - 1, 1] = max(blocks[count - 1, 1], node[index, 3])
        else:
            blocks[count, 0], blocks[count, 1] = first, node[index, 3]
            blocks[count, 2] = 0
            count += 1


@compiled
def _limits(e, rays, x, side, h, slack):
    """Between what an end's value may be, and what the used rays say that it is.

    The value is F of `_certificate` (side 0), or F - H (side 1), where H is h.
    """
    low, high, wanted, used = -np.inf, np.inf, 0.0, False
    for j in range(len(rays)):
        kind, at, sign = rays[j]
        if at != e:
            continue
        value = 0.0 if kind == side else (1 - 2 * side) * h - sign * slack
        if sign > 0:
            high = min(high, value)
        else:
            low = max(low, value)
        if x[j] > 0.0:
            wanted, used = value, True
    return low, high, wanted, used


@compiled
def _affine(points, runs, blocks, rays, x, offset, sums, shift):
    """``sum r (t - t_1)`` and ``sum r (t - t_n)`` with the signs of `_certificate`."""
    n, last = len(points), len(blocks)
    limits = np.array([-np.inf, np.inf, -np.inf, np.inf])
    used = np.zeros(2, dtype=np.bool_)
    first = final = 0.0
    for i in range(last + 1):
        low = blocks[i - 1, 1] if i > 0 else 0
        mean = points[low] + runs[low, (blocks[i, 0] + 1 if i < last else n), 1]
        first += sums[i, 1] + (mean - points[0]) * sums[i, 0]
        final += sums[i, 1] + (mean - points[n - 1]) * sums[i, 0]
    for j in range(len(rays)):
        kind, at, sign = rays[j]
        if at == (0 if kind == 0 else n - 1):
            limits[2 * kind + ((kind == 0) == (sign > 0))] = 0.0
            used[kind] |= x[j] > 0.0
    if offset:
        both = min(max((first + final) / 2, limits[0], limits[2]), limits[1], limits[3])
        both = 0.0 if used[0] or used[1] else both
        return both, both
    first = 0.0 if used[0] else first + shift
    final = 0.0 if used[1] else final + shift
    return min(max(first, limits[0]), limits[1]), min(max(final, limits[2]), limits[3])


@compiled
def _between(points, e, first, final):
    """H at a point."""
    if first == final:
        return first
    return first + (points[e] - points[0]) / (points[len(points) - 1] - points[0]) * (final - first)


@compiled
def _side(e, one, two, rays):
    """Whether neurons of both signs ask for F = H at an end, or on its block."""
    at = block = 0
    for j in range(len(rays)):
        if rays[j, 0] == 1 and one <= rays[j, 1] <= two:
            own = 1 if rays[j, 2] > 0 else 2
            block |= own
        if rays[j, 0] == 1 and rays[j, 1] == e:
            at |= 1 if rays[j, 2] > 0 else 2
    return 1 if at == 3 or block == 3 else 0


@compiled
def _ends(points, runs, blocks, rays, x, sums, first, final, plain, ends, sides):
    """Values of `_certificate` at the ends of blocks, in place; by how much H is off (0: nowhere).

    NaN: no values were found. ``sides`` (blocks, 2) tells F (0) and F - H (1) apart.
    """
    n, last = len(points), len(blocks)
    slack = 0.0 if first == final else 8 * U * (abs(first) + abs(final))
    for b in range(last):
        one, two, inner = blocks[b]
        width, shared = points[two] - points[one], b > 0 and blocks[b - 1, 1] == one
        side, other = 0, 0
        if slack > 0.0:
            side, other = _side(one, one, two, rays), _side(two, one, two, rays)
        if shared:
            side = sides[b - 1, 1]
        sides[b, 0], sides[b, 1] = side, other
        h, beyond = _between(points, one, first, final), _between(points, two, first, final)
        low, high, a, known = _limits(one, rays, x, side, h, slack)
        lower, upper, d, there = _limits(two, rays, x, other, beyond, slack)
        if one == 0 or shared:
            low = high = a = ends[b - 1, 1] if shared else (0.0 if side else first)
            known = True
        if two == n - 1:
            lower = upper = d = -final if other else 0.0
            there = True
        for off, under, own in ((low - high, low, side), (lower - upper, lower, other)):
            if off > 0.0:
                return off if (under == 0.0) == (own == 0) else -off
        mass = value = 0.0
        for i in range(b + 1, last + 1):
            at = blocks[i - 1, 1]
            mean = points[at] + runs[at, (blocks[i, 0] + 1 if i < last else n), 1]
            mass += sums[i, 0]
            value += sums[i, 1] + (mean - points[one]) * sums[i, 0]
        if not known:
            a = (d + other * beyond + width * mass if there else value) - side * h
        a = min(max(a, low), high)
        if not there:
            d = a + side * h - width * mass - other * beyond
        d = min(max(d, lower), upper)
        if plain:
            follows = b + 1 < last and blocks[b + 1, 0] == two and blocks[b + 1, 2] > 0
            d = 0.0 if inner > 0 or follows else d
            a = 0.0 if inner > 0 else a
        elif inner > 0:
            for attempt in range(4):
                down = up = 0.0
                for j in range(len(rays)):
                    kind, at, sign = rays[j]
                    if at <= one or at >= two:
                        continue
                    if a == 0.0 and d == 0.0 and side == kind and other == kind:
                        continue
                    begin, end = a + side * h, d + other * beyond
                    off = begin + (points[at] - points[one]) / width * (end - begin)
                    off -= kind * _between(points, at, first, final)
                    error = 3 * slack + 16 * U * (abs(begin) + abs(end) + kind * abs(first))
                    if sign > 0:
                        down = max(down, off + error)
                    else:
                        up = max(up, error - off)
                if down == 0.0 and up == 0.0:
                    break
                if attempt == 3 or min(down, up) > 0.0:
                    return np.nan
                a = min(max(a + 2 * (up - down), low), high)
                d = min(max(d + 2 * (up - down), lower), upper)
        ends[b, 0], ends[b, 1] = a, d
    return 0.0


@compiled
def _certificate(points, runs, least, blocks, rays, x, offset, sums, largest):
    """A lower bound of the sum of squares on all runs, by Theorem 30.

    ``sums`` (runs, 2) are the residuals' sums and their moments about the runs' means, roughly.
    What is claimed follows from F and H at the ends of blocks, whose signs are decided without
    rounding: F(s) sums the residuals r times ``relu(t - s)``, H(s) those times ``t - s``.
    """
    n, last = len(points), len(blocks)
    ends, sides = np.zeros((last, 2)), np.zeros((last, 2), dtype=np.int64)
    shift, off, first, final = 0.0, np.nan, 0.0, 0.0
    for attempt in range(8):
        first, final = _affine(points, runs, blocks, rays, x, offset, sums, shift)
        off = _ends(points, runs, blocks, rays, x, sums, first, final, False, ends, sides)
        if not abs(off) > 0.0:
            break
        shift += off * 2.0 ** (attempt + 1)
    if off != 0.0:  # without affine parts, and with F = 0 on blocks with ends inside, there is one
        first = final = 0.0
        _ends(points, runs, blocks, rays, x, sums, first, final, True, ends, sides)
    length, size_h = points[n - 1] - points[0], abs(first) + abs(final)
    total = (first - final) / length
    masses, errors = np.zeros(last), np.zeros(last)
    for b in range(last):
        one, two, _ = blocks[b]
        width, h = points[two] - points[one], _between(points, one, first, final)
        masses[b], both = (ends[b, 0] - ends[b, 1]) / width, sides[b, 0] + sides[b, 1]
        if both == 2:
            errors[b] = abs(masses[b]) + size_h / length
            masses[b] += total
        elif both == 1:
            h = h if sides[b, 0] else -_between(points, two, first, final)
            masses[b] += h / width
            errors[b] = (abs(ends[b, 0]) + abs(ends[b, 1]) + size_h) / width
        errors[b] += abs(masses[b])
    bound = 0.0
    for i in range(last + 1):
        low, high = blocks[i - 1, 1] if i > 0 else 0, blocks[i, 0] + 1 if i < last else n
        w, t, y, tt, ty = runs[low, high]
        # From the run on: sums of r, and of r (t - mean); less what is behind it.
        if i > 0:
            mass, lost = masses[i - 1], errors[i - 1]
            affine = sides[i - 1, 1] * _between(points, low, first, final)
            moment = ends[i - 1, 1] + affine - t * mass
            size = abs(ends[i - 1, 1]) + sides[i - 1, 1] * size_h + t * lost
        else:
            mass, lost, moment = total, size_h / length, first - t * total
            size = size_h * (1.0 + t / length)
        if i < last:
            away = points[high - 1] - points[low] - t
            affine = sides[i, 0] * _between(points, high - 1, first, final)
            mass -= masses[i]
            moment -= ends[i, 0] + affine + away * masses[i]
            lost += errors[i]
            size += abs(ends[i, 0]) + sides[i, 0] * size_h + abs(away) * errors[i]
        bound += 2.0 * mass * y - mass * mass / w
        bound -= 16 * U * lost * (largest + abs(mass) / w)
        if tt > 0.0:
            root = np.sqrt(tt)
            slope, own = ty / root, moment / root
            bound += 2.0 * slope * own - own * own
            bound -= 32 * U * (size / root) * (abs(slope) + abs(own))
            rounding = 32 * U * (high - low + 8) * (abs(mass) + np.sqrt(w) * abs(own))
            bound -= rounding * (largest + np.sqrt(least[0, low, high] + slope * slope) + abs(own))
    return bound


@compiled
def bound_of_node(node, points, runs, least, offset, largest, square, free):
    """A lower bound of the sum of squares on a node, and the group to branch at (-1: none).

    Where no kink may be, the network is linear in the weights of the rays at both ends of every
    interval; on the points inside intervals it has at least the loss of as many affine pieces as
    there may be. ``free`` receives the products (w, v) of one neuron per group, as
    ``relu(w (t - t_1) + v)``, and the offset.
    """
    m, n = len(node), len(points)
    rays, owner, c = np.empty((2 * m, 3), dtype=np.int64), np.empty(2 * m, dtype=np.int64), 0
    widest, branch = 1, -1
    for p in range(m):
        sign, kind, a, b, copies = node[p]
        if copies == 0:
            continue
        for end in range(2):
            rays[c, 0], rays[c, 1] = kind if kind < 2 else end, b if end else a
            rays[c, 2] = sign
            owner[c] = p
            c += 1
        if kind < 2 and b - a > widest:
            widest, branch = b - a, p
    rays = rays[:c]
    blocks = np.full((m + 1, 3), -1)
    last = _blocks(node, n, blocks)
    blocks = blocks[:last]
    inside, height = 0.0, 2 * (last + 1)
    columns, target = np.zeros((c + 2 * offset, height)), np.zeros(height)
    for i in range(last + 1):
        low, high = blocks[i - 1, 1] if i > 0 else 0, blocks[i, 0] + 1 if i < last else n
        w, t, y, tt, ty = runs[low, high]
        inside += least[0, low, high]
        root, deviation = np.sqrt(w), np.sqrt(tt)
        target[2 * i], target[2 * i + 1] = root * y, ty / deviation if tt > 0.0 else 0.0
        for j in range(c):
            kind, at, sign = rays[j]
            if low >= at if kind == 0 else high - 1 <= at:
                value = points[low] - points[at] + t
                turned = sign if kind == 0 else -sign
                columns[j, 2 * i], columns[j, 2 * i + 1] = turned * root * value, turned * deviation
        if offset:
            columns[c, 2 * i], columns[c + 1, 2 * i] = root, -root
        if i < last and high < blocks[i, 1]:
            kinks = 0
            for p in range(m):
                # a kink that has points of the block on both sides
                if node[p, 1] < 2 and node[p, 2] < blocks[i, 1] - 1 and node[p, 3] > high:
                    kinks += node[p, 4]
            inside += least[min(kinks, len(least) - 1), high, blocks[i, 1]]
    size, scale = len(columns), np.sqrt(inner(target, target))
    x, norms = np.zeros(size), np.ones(size)
    for p in range(m + 1):
        free[p, 0] = free[p, 1] = 0.0
    if scale > 0.0:
        for j in range(size):
            norms[j] = normalize(columns[j])
        rest = np.empty(height)
        fit(columns, target, scale, x, rest)
        sums = np.empty((last + 1, 2))
        for i in range(last + 1):
            low, high = blocks[i - 1, 1] if i > 0 else 0, blocks[i, 0] + 1 if i < last else n
            sums[i, 0] = rest[2 * i] * np.sqrt(runs[low, high, 0])
            sums[i, 1] = rest[2 * i + 1] * np.sqrt(runs[low, high, 3])
        found = _certificate(points, runs, least, blocks, rays, x, offset, sums, largest)
        inside += max(found, 0.0)
    for j in range(c):
        weight, shift = x[j] / norms[j], points[rays[j, 1]] - points[0]
        turned = 1.0 if rays[j, 0] == 0 else -1.0
        free[owner[j], 0] += turned * weight
        free[owner[j], 1] -= turned * weight * shift
    if offset:
        free[m, 0] = x[c] / norms[c] - x[c + 1] / norms[c + 1]
    # what the tables of affine pieces lose to rounding
    return inside - 32 * U * (n + 8) * np.sqrt(square[1]) * square[0], branch


@compiled
def _loss(node, points, values, free):
    """The sum of squares of a network with one neuron per group, by points."""
    s = 0.0
    for k in range(len(points)):
        value = free[len(node), 0] - values[k, 1]
        for p in range(len(node)):
            if node[p, 4] > 0:
                t = free[p, 0] * (points[k] - points[0]) + free[p, 1]
                value += node[p, 0] * max(t, 0.0)
        s += values[k, 2] + value * value * values[k, 0]
    return s


@compiled
def expand(nodes, data, offset, cutoff, children, best):
    """As `landscape.bracket._kernels.expand`; nodes are (bounds, groups, branches)."""
    points, values, runs, least, largest, square = data
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
            copy(groups[index], new_groups[at])
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
            bound, branch = bound_of_node(
                new_groups[at], points, runs, least, offset, largest, square, free
            )
            bounded += 1
            bound = max(bound, bounds[index])
            if bound >= cutoff:
                closed = closed if branch >= 0 else min(closed, bound)
                continue
            loss = _loss(new_groups[at], points, values, free)
            if loss < lowest:
                lowest = loss
                copy(free, best)
                for q in range(m):
                    best[q, 2] = new_groups[at, q, 0] * new_groups[at, q, 4]
            if branch < 0:
                closed = min(closed, bound)
            else:
                new_bounds[at], new_branches[at] = bound, branch
                at += 1
    return at, bounded, closed, lowest
