"""Compiled branch and bound over simplicial cones, see `_cones`."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

EPS = 2.0**-52

#: A vertex that is known less well than this is left to other methods.
WORST = 1e-7


def _bound(G, plus, minus, total, q):
    """Bound of |g(x)| and |g(-x)| where the undetermined weights are free."""
    best = -1.0
    for c in range(q):
        high = G[c] + plus[c]
        low = G[c] + minus[c]
        best = max(best, high, -low, total[c] - low, high - total[c])
    return best


def _free_weights(D, errors, rows, n, weights, plus, minus, G, state):
    """Classify rows on a cone: 2 crosses it, 3 touches it within the error, 1 and 0 are decided.

    Adds the weights of positive rows to G; returns the number of rows that are not decided.
    """
    d = D.shape[1]
    q = weights.shape[1]
    open_rows = 0
    for c in range(q):
        plus[c] = 0.0
        minus[c] = 0.0
    for r in range(n):
        positive = False
        negative = False
        unsure = False
        for k in range(d):
            value = D[r, k]
            if value > errors[k]:
                positive = True
            elif value < -errors[k]:
                negative = True
            elif value != 0.0:
                unsure = True
        i = rows[r]
        if (positive and negative) or unsure or not (positive or negative):
            state[r] = 2 if positive and negative else 3
            open_rows += 1
            for c in range(q):
                w = weights[i, c]
                if w > 0:
                    plus[c] += w
                else:
                    minus[c] += w
        elif positive:
            state[r] = 1
            for c in range(q):
                G[c] += weights[i, c]
        else:
            state[r] = 0
    return open_rows


def _value_at(rows, weights, offset, total, x, gradient):
    """|g| at x or -x, whichever is larger; negative if x is on a hyperplane up to rounding."""
    m, d = rows.shape
    q = weights.shape[1]
    size = 0.0
    for k in range(d):
        size += abs(x[k])
    margin = 4 * (d + 2) * EPS * size
    for c in range(q):
        gradient[c] = offset[c]
    for i in range(m):
        s = 0.0
        for k in range(d):
            s += rows[i, k] * x[k]
        if abs(s) <= margin:
            return -1.0
        if s > 0:
            for c in range(q):
                gradient[c] += weights[i, c]
    best = 0.0
    for c in range(q):
        best = max(best, abs(gradient[c]), abs(total[c] - gradient[c]))
    return best


def search(rows, weights, offset, total, incumbent, slack, max_nodes, stop, best_point):
    """Best cell by splitting the orthants of a half-space.

    Vertices of cones are *defined* as points where hyperplanes cross edges; floats approximate
    them with an error that is tracked. Zero entries of D are exact zeros.

    Returns
    -------
    best, bound, complete, nodes : ``bound`` bounds all cells; more than ``best`` also where places
    were left out because floats are too coarse there (then ``complete`` holds nevertheless).
    """
    m, d = rows.shape
    q = weights.shape[1]
    best = incumbent
    left_out = -1.0
    nodes = 0
    cones = [np.zeros((d, d))]
    values = [np.zeros((1, d))]
    errors = [np.zeros(d)]
    members = [np.zeros(1, np.int64)]
    sums = [np.zeros(q)]
    bounds = [0.0]
    cones.pop()
    values.pop()
    errors.pop()
    members.pop()
    sums.pop()
    bounds.pop()
    plus = np.empty(q)
    minus = np.empty(q)
    state = np.empty(m, np.int8)
    crossing = np.empty(m)
    which = np.empty(m, np.int64)
    x = np.empty(d)
    gradient = np.empty(q)
    for code in range(1 << (d - 1)):
        V = np.zeros((d, d))
        D = np.empty((m, d))
        for k in range(d):
            side = -1.0 if k > 0 and (code >> (k - 1)) & 1 else 1.0
            V[k, k] = side
            for i in range(m):
                D[i, k] = side * rows[i, k]
        cones.append(V)
        values.append(D)
        errors.append(np.zeros(d))
        members.append(np.arange(m))
        sums.append(offset.copy())
        bounds.append(1e300)
        while len(cones) > 0:
            if nodes >= max_nodes or stop[0] != 0:
                bound = max(best, left_out)
                for b in bounds:
                    bound = max(bound, b)
                if code + 1 < 1 << (d - 1):
                    bound = 1e300
                return best, bound, False, nodes
            V = cones.pop()
            D = values.pop()
            E = errors.pop()
            U = members.pop()
            G = sums.pop()
            ceiling = bounds.pop()
            if ceiling <= best + slack:
                continue
            nodes += 1
            n_open = _free_weights(D, E, U, len(U), weights, plus, minus, G, state)
            bound = _bound(G, plus, minus, total, q)
            if bound <= best + slack:
                continue
            U2 = np.empty(n_open, np.int64)
            D2 = np.empty((n_open, d))
            n = 0
            for r in range(len(U)):
                if state[r] >= 2:
                    U2[n] = U[r]
                    for k in range(d):
                        D2[n, k] = D[r, k]
                    n += 1
            # The cell at the barycentre: first a guess, then with care.
            for c in range(q):
                gradient[c] = G[c]
            for r in range(n):
                s = 0.0
                for k in range(d):
                    s += D2[r, k]
                if s > 0:
                    for c in range(q):
                        gradient[c] += weights[U2[r], c]
            guess = 0.0
            for c in range(q):
                guess = max(guess, abs(gradient[c]), abs(total[c] - gradient[c]))
            if guess > best + slack:
                for c in range(d):
                    x[c] = 0.0
                    for k in range(d):
                        x[c] += V[k, c]
                value = _value_at(rows, weights, offset, total, x, gradient)
                if value > best:
                    best = value
                    best_point[:] = x
                    if bound <= best + slack:
                        continue
            # A hyperplane that has vertices of the cone on it is finished first when few are open.
            force = -1
            fewest = 1e9
            if n <= 2 * d:
                for r in range(n):
                    above = 0
                    below = 0
                    zero = 0
                    for k in range(d):
                        if D2[r, k] > E[k]:
                            above += 1
                        elif D2[r, k] < -E[k]:
                            below += 1
                        elif D2[r, k] == 0.0:
                            zero += 1
                    if zero > 0 and above > 0 and below > 0 and above * below < fewest:
                        fewest = above * below
                        force = r
            p = -1
            o = -1
            most = 0
            for k in range(d):
                for h in range(k + 1, d):
                    if force >= 0 and not (
                        (D2[force, k] > E[k] and D2[force, h] < -E[h])
                        or (D2[force, k] < -E[k] and D2[force, h] > E[h])
                    ):
                        continue
                    count = 0
                    for r in range(n):
                        if (D2[r, k] > E[k] and D2[r, h] < -E[h]) or (
                            D2[r, k] < -E[k] and D2[r, h] > E[h]
                        ):
                            count += 1
                    if count > most:
                        most = count
                        p = k
                        o = h
            if p < 0:
                # Nothing surely crosses, but something may touch.
                left_out = max(left_out, bound)
                continue
            hit = force
            if force < 0:
                n_crossing = 0
                for r in range(n):
                    if (D2[r, p] > E[p] and D2[r, o] < -E[o]) or (
                        D2[r, p] < -E[p] and D2[r, o] > E[o]
                    ):
                        crossing[n_crossing] = D2[r, p] / (D2[r, p] - D2[r, o])
                        which[n_crossing] = r
                        n_crossing += 1
                _sort(crossing, which, n_crossing)
                # Near the median, the one that the edge crosses most steeply: its error is least.
                steepest = -1.0
                for c in range(n_crossing // 3, n_crossing - n_crossing // 3):
                    r = which[c]
                    if abs(D2[r, p] - D2[r, o]) > steepest:
                        steepest = abs(D2[r, p] - D2[r, o])
                        hit = r
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
            new = np.empty(d)
            scale = 0.0
            for c in range(d):
                new[c] = (1 - t) * V[p, c] + t * V[o, c]
                scale += abs(new[c])
            column = np.empty(n)
            for r in range(n):
                value = (1 - t) * D2[r, p] + t * D2[r, o]
                if r == hit or (D2[r, p] == 0.0 and D2[r, o] == 0.0):
                    column[r] = 0.0
                elif value == 0.0:
                    column[r] = 1e-300  # zero by chance only
                else:
                    column[r] = value / scale
            for c in range(d):
                new[c] /= scale
            error = error / scale + 2 * EPS
            for side_of in range(2):
                replaced = p if side_of == 0 else o
                V3 = V.copy()
                D3 = D2.copy()
                E3 = E.copy()
                G3 = G.copy()
                V3[replaced] = new
                E3[replaced] = error
                for r in range(n):
                    D3[r, replaced] = column[r]
                _free_weights(D3, E3, U2, n, weights, plus, minus, G3, state)
                b = _bound(G3, plus, minus, total, q)
                if b > best + slack:
                    cones.append(V3)
                    values.append(D3)
                    errors.append(E3)
                    members.append(U2)
                    sums.append(G.copy())
                    bounds.append(b)
    return best, max(best, left_out), True, nodes


def _sort(keys, values, n):
    """Sort the pairs by key (shell sort)."""
    gap = n // 2
    while gap > 0:
        for i in range(gap, n):
            key = keys[i]
            value = values[i]
            j = i
            while j >= gap and keys[j - gap] > key:
                keys[j] = keys[j - gap]
                values[j] = values[j - gap]
                j -= gap
            keys[j] = key
            values[j] = value
        gap //= 2
