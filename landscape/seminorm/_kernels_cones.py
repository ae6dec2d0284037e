"""Kernels of the branch and bound over simplicial cones, see `_cones`."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.compiled import compiled
from landscape.seminorm._kernels import sort_by

EPS = 2.0**-52

#: A vertex that is known less well than this is left to other methods.
WORST = 1e-7


@compiled
def _classify(D, errors, rows, n, weights, total, G, state, plus, minus):
    """Sides of rows on a cone: 2 crosses it, 3 touches it within the error, 1 and 0 are decided.

    Adds the weights of positive rows to G; returns the number of rows that are not decided and the
    bound of |g(x)| and |g(-x)| with their signs free.
    """
    d, q = D.shape[1], weights.shape[1]
    n_open = 0
    plus[:], minus[:] = 0.0, 0.0
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
        if positive != negative and not unsure:
            state[r] = 1 if positive else 0
            if positive:
                for c in range(q):
                    G[c] += weights[rows[r], c]
            continue
        state[r] = 2 if positive and negative else 3
        n_open += 1
        for c in range(q):
            w = weights[rows[r], c]
            plus[c] += max(w, 0.0)
            minus[c] += min(w, 0.0)
    bound = -1.0
    for c in range(q):
        high, low = G[c] + plus[c], G[c] + minus[c]
        bound = max(bound, high, -low, total[c] - low, high - total[c])
    return n_open, bound


@compiled
def _value_at(rows, weights, offset, total, x):
    """|g| at x or -x, whichever is larger; negative if x is on a hyperplane up to rounding."""
    m, d = rows.shape
    margin = 4 * (d + 2) * EPS * np.abs(x).sum()
    gradient = offset.copy()
    for i in range(m):
        s = 0.0
        for k in range(d):
            s += rows[i, k] * x[k]
        if abs(s) <= margin:
            return -1.0
        if s > 0:
            for c in range(weights.shape[1]):
                gradient[c] += weights[i, c]
    return max(np.abs(gradient).max(), np.abs(total - gradient).max())


@compiled
def _crosses(D, errors, r, p, o):
    """Whether a row surely has different signs at two vertices."""
    return (D[r, p] > errors[p] and D[r, o] < -errors[o]) or (
        D[r, p] < -errors[p] and D[r, o] > errors[o]
    )


@compiled
def _choose_edge(D, errors, n, forced):
    """The edge that most rows surely cross, among those that the forced row crosses, if any."""
    d = D.shape[1]
    best_p, best_o, most = -1, -1, 0
    for p in range(d):
        for o in range(p + 1, d):
            if forced >= 0 and not _crosses(D, errors, forced, p, o):
                continue
            count = 0
            for r in range(n):
                count += _crosses(D, errors, r, p, o)
            if count > most:
                most, best_p, best_o = count, p, o
    return best_p, best_o


@compiled
def _forced_row(D, errors, n):
    """A row with vertices of the cone on it that still crosses, which is finished first; or -1."""
    forced, fewest = -1, 1 << 30
    for r in range(n):
        above, below, zero = 0, 0, 0
        for k in range(D.shape[1]):
            above += D[r, k] > errors[k]
            below += D[r, k] < -errors[k]
            zero += D[r, k] == 0.0
        if zero > 0 and 0 < above * below < fewest:
            forced, fewest = r, above * below
    return forced


@compiled
def _median_row(D, errors, n, p, o, crossings, which, order):
    """Of the rows that cross an edge near its median the one that it crosses most steeply.

    That vertex has the least error.
    """
    count = 0
    for r in range(n):
        if _crosses(D, errors, r, p, o):
            crossings[count], which[count] = D[r, p] / (D[r, p] - D[r, o]), r
            count += 1
    sort_by(crossings, order, count)
    hit, steepest = -1, -1.0
    for c in range(count // 3, count - count // 3):
        r = which[order[c]]
        if abs(D[r, p] - D[r, o]) > steepest:
            steepest, hit = abs(D[r, p] - D[r, o]), r
    return hit


@compiled
def search(rows, weights, offset, total, incumbent, slack, max_nodes, stop, best_point):
    """Best cell by splitting the orthants of a half-space.

    Vertices of cones are *defined* as points where hyperplanes cross edges; floats approximate
    them with an error that is tracked. Zero entries of D, the rows' values at a cone's vertices,
    are exact zeros.

    Returns
    -------
    bound, complete, nodes : ``bound`` bounds all cells; more than the best also where places were
        left out because floats are too coarse there (then ``complete`` holds nevertheless).
    """
    m, d = rows.shape
    best, left_out, nodes = incumbent, -1.0, 0
    state, which, order = np.empty(m, np.int8), np.empty(m, np.int64), np.empty(m, np.int64)
    crossings, gradient = np.empty(m), np.empty(weights.shape[1])
    plus, minus = np.empty_like(gradient), np.empty_like(gradient)
    for code in range(1 << (d - 1)):
        V, D = np.zeros((d, d)), np.empty((m, d))
        for k in range(d):
            V[k, k] = -1.0 if k > 0 and (code >> (k - 1)) & 1 else 1.0
            D[:, k] = V[k, k] * rows[:, k]
        cones, bounds = [(V, D, np.zeros(d), np.arange(m), offset.copy())], [np.inf]
        while len(cones) > 0:
            if nodes >= max_nodes or stop[0] != 0:
                bound = max(best, left_out)
                for b in bounds:
                    bound = max(bound, b)
                return bound if code + 1 == 1 << (d - 1) else np.inf, False, nodes
            V, D, E, U, G = cones.pop()
            if bounds.pop() <= best + slack:
                continue
            nodes += 1
            n, bound = _classify(D, E, U, len(U), weights, total, G, state, plus, minus)
            if bound <= best + slack:
                continue
            U2, D2 = np.empty(n, np.int64), np.empty((n, d))
            at = 0
            for r in range(len(U)):
                if state[r] >= 2:
                    U2[at] = U[r]
                    for k in range(d):
                        D2[at, k] = D[r, k]
                    at += 1
            # The cell at the barycentre: first a guess, then with care.
            gradient[:] = G
            for r in range(n):
                s = 0.0
                for k in range(d):
                    s += D2[r, k]
                if s > 0:
                    for c in range(len(gradient)):
                        gradient[c] += weights[U2[r], c]
            guess = 0.0
            for c in range(len(gradient)):
                guess = max(guess, abs(gradient[c]), abs(total[c] - gradient[c]))
            if guess > best + slack:
                x = V.sum(axis=0)
                value = _value_at(rows, weights, offset, total, x)
                if value > best:
                    best = value
                    best_point[:] = x
                    if bound <= best + slack:
                        continue
            hit = _forced_row(D2, E, n) if n <= 2 * d else -1
            p, o = _choose_edge(D2, E, n, hit)
            if p < 0:
                # Nothing surely crosses, but something may touch.
                left_out = max(left_out, bound)
                continue
            if hit < 0:
                hit = _median_row(D2, E, n, p, o, crossings, which, order)
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
            new, scale, column = np.empty(d), 0.0, np.empty(n)
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
                V3, D3, E3, G3 = V.copy(), D2.copy(), E.copy(), G.copy()
                V3[replaced], E3[replaced] = new / scale, error / scale + 2 * EPS
                D3[:, replaced] = column
                _, bound = _classify(D3, E3, U2, n, weights, total, G3, state, plus, minus)
                if bound > best + slack:
                    cones.append((V3, D3, E3, U2, G.copy()))
                    bounds.append(bound)
    return max(best, left_out), True, nodes
