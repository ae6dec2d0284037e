"""Kernels of the branch and bound over simplicial cones, see `_search.cones`."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
import numpy as np

from landscape.compiled import compiled
from landscape.seminorm._kernels import EPS, sort_by

#: A vertex that is known less well than this is left to other methods.
WORST = 1e-7


@compiled
def _classify(D, errors, rows, weights, total, G, undecided):
    """Which rows a cone does not decide: they cross it, or touch it within the error.

    Adds the weights of positive rows to G; returns the number of undecided rows and the bound of
    |g(x)| and |g(-x)| with their signs free.
    """
    n, d = D.shape
    n_open = 0
    plus, minus = np.zeros(len(G)), np.zeros(len(G))
    for r in range(n):
        positive, negative, unsure = False, False, False
        for k in range(d):
            value = D[r, k]
            if value > errors[k]:
                positive = True
            elif value < -errors[k]:
                negative = True
            elif value != 0.0:
                unsure = True
        undecided[r] = positive == negative or unsure
        n_open += undecided[r]
        for c in range(len(G)):
            w = weights[rows[r], c]
            if undecided[r]:
                plus[c] += max(w, 0.0)
                minus[c] += min(w, 0.0)
            elif positive:
                G[c] += w
    bound = -1.0
    for c in range(len(G)):
        high, low = G[c] + plus[c], G[c] + minus[c]
        bound = max(bound, high, -low, total[c] - low, high - total[c])
    return n_open, bound


@compiled
def _value_at(rows, which, weights, base, total, x, margin):
    """|g| at x or -x, whichever is larger; negative if x is within the margin of a hyperplane."""
    gradient = base.copy()
    for i in which:
        s = 0.0
        for k in range(len(x)):
            s += rows[i, k] * x[k]
        if abs(s) <= margin:
            return -1.0
        if s > 0:
            for c in range(len(gradient)):
                gradient[c] += weights[i, c]
    value = 0.0
    for c in range(len(gradient)):
        value = max(value, abs(gradient[c]), abs(total[c] - gradient[c]))
    return value


@compiled
def _crosses(D, errors, r, p, o):
    """Whether a row surely has different signs at two vertices."""
    return (D[r, p] > errors[p] and D[r, o] < -errors[o]) or (
        D[r, p] < -errors[p] and D[r, o] > errors[o]
    )


@compiled
def _choose_edge(D, errors, forced):
    """The edge that most rows surely cross, among those that the forced row crosses, if any."""
    n, d = D.shape
    best_p, best_o, most = -1, -1, 0
    for p in range(d):
        for o in range(p + 1, d):
            count = 0
            if forced < 0 or _crosses(D, errors, forced, p, o):
                for r in range(n):
                    count += _crosses(D, errors, r, p, o)
            if count > most:
                most, best_p, best_o = count, p, o
    return best_p, best_o


@compiled
def _forced_row(D, errors):
    """A row with vertices of the cone on it that still crosses, which is finished first; or -1."""
    n, d = D.shape
    forced, fewest = -1, 1 << 30
    for r in range(n if n <= 2 * d else 0):
        above, below, zero = 0, 0, 0
        for k in range(d):
            above += D[r, k] > errors[k]
            below += D[r, k] < -errors[k]
            zero += D[r, k] == 0.0
        if zero > 0 and 0 < above * below < fewest:
            forced, fewest = r, above * below
    return forced


@compiled
def _median_row(D, errors, p, o):
    """Of the rows that cross an edge near its median the one that it crosses most steeply.

    That vertex has the least error.
    """
    crossings, which, count = np.empty(len(D)), np.empty(len(D), np.int64), 0
    for r in range(len(D)):
        if _crosses(D, errors, r, p, o):
            crossings[count], which[count] = D[r, p] / (D[r, p] - D[r, o]), r
            count += 1
    sort_by(crossings, which, count, count)
    hit, steepest = -1, -1.0
    for c in range(count // 3, count - count // 3):
        r = which[c]
        if abs(D[r, p] - D[r, o]) > steepest:
            steepest, hit = abs(D[r, p] - D[r, o]), r
    return hit


@compiled
def split_cones(rows, weights, offset, total, incumbent, slack, max_nodes, stop, best_point):
    """Best cell by splitting the orthants of a half-space.

    Vertices of cones are *defined* as points where hyperplanes cross edges; floats approximate
    them with an error that is tracked. Zero entries of D, the rows' values at a cone's vertices,
    are exact zeros.

    Returns a bound of all cells, whether the search is complete, and the number of nodes. The bound
    is more than the best also where places were left out because floats are too coarse there.
    """
    m, d = rows.shape
    best, left_out, nodes = incumbent, -1.0, 0
    undecided, everything = np.empty(m, np.bool_), np.arange(m)
    for code in range(1 << (d - 1)):
        V, D = np.zeros((d, d)), np.empty((m, d))
        for k in range(d):
            V[k, k] = -1.0 if k > 0 and (code >> (k - 1)) & 1 else 1.0
            for r in range(m):
                D[r, k] = V[k, k] * rows[r, k]
        # A cone's vertices, rows' values there, errors, rows that are not decided, gradient of the
        # others, and the bound of the cone that it is a part of.
        cones = [(V, D, np.zeros(d), everything, offset.copy(), np.inf)]
        while len(cones) > 0:
            if nodes >= max_nodes or stop[0] != 0:
                bound = max(best, left_out)
                for cone in cones:
                    bound = max(bound, cone[5])
                return bound if code + 1 == 1 << (d - 1) else np.inf, False, nodes
            V, D, E, U, G, bound = cones.pop()
            if bound <= best + slack:
                continue
            n, bound = _classify(D, E, U, weights, total, G, undecided)
            if bound <= best + slack:
                continue
            nodes += 1
            U2, D2, at = np.empty(n, np.int64), np.empty((n, d)), 0
            for r in range(len(U)):
                if undecided[r]:
                    U2[at] = U[r]
                    for k in range(d):
                        D2[at, k] = D[r, k]
                    at += 1
            # The cell at the barycentre: first a guess, then with care.
            x, size = np.zeros(d), 0.0
            for k in range(d):
                for row in range(d):
                    x[k] += V[row, k]
                size += abs(x[k])
            if _value_at(rows, U2, weights, G, total, x, -1.0) > best + slack:
                margin = 4 * (d + 2) * EPS * size
                value = _value_at(rows, everything, weights, offset, total, x, margin)
                if value > best:
                    best = value
                    for k in range(d):
                        best_point[k] = x[k]
                    if bound <= best + slack:
                        continue
            hit = _forced_row(D2, E)
            p, o = _choose_edge(D2, E, hit)
            if p < 0:
                # Nothing surely crosses, but something may touch.
                left_out = max(left_out, bound)
                continue
            if hit < 0:
                hit = _median_row(D2, E, p, o)
            drop = D2[hit, p] - D2[hit, o]
            t = D2[hit, p] / drop
            spread = 0.0
            for r in range(n):
                spread = max(spread, abs(D2[r, p] - D2[r, o]))
            shift = (E[p] + E[o] + 4 * EPS) / (abs(drop) - E[p] - E[o])
            error = (1 - t) * E[p] + t * E[o] + spread * shift + 4 * EPS
            if not (abs(drop) > E[p] + E[o]) or error > WORST:
                left_out = max(left_out, bound)
                continue
            new, column, scale = np.empty(d), np.empty(n), 0.0
            for k in range(d):
                new[k] = (1 - t) * V[p, k] + t * V[o, k]
                scale += abs(new[k])
            for r in range(n):
                value = (1 - t) * D2[r, p] + t * D2[r, o]
                if r == hit or (D2[r, p] == 0.0 and D2[r, o] == 0.0):
                    column[r] = 0.0
                else:
                    column[r] = value / scale if value != 0.0 else 1e-300  # zero by chance only
            for replaced in (p, o):
                V3, D3, E3 = V.copy(), D2.copy(), E.copy()
                E3[replaced] = error / scale + 2 * EPS
                for k in range(d):
                    V3[replaced, k] = new[k] / scale
                for r in range(n):
                    D3[r, replaced] = column[r]
                cones.append((V3, D3, E3, U2, G.copy(), bound))
    return max(best, left_out), True, nodes
