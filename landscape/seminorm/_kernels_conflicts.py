"""Compiled conflict search for one coordinate, see `_conflicts`.

Plain Python as its siblings `_kernels_*`; `_tiers` compiles them.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_sort import insert
from landscape.seminorm._kernels_wolfe import FEASIBLE, UNKNOWN, min_norm_point

EPS = 2.0**-52

#: Slots for supports that were confirmed to be conflicts.
REMEMBERED = 4096


def surely_conflict(Y, support, size):
    """Whether d + 1 rows have positive multipliers beyond all rounding errors.

    The multipliers solve ``[Y^T; 1] y = e_{d+1}``; an approximate inverse R bounds their error by
    ``‖R‖ ‖residual‖ / (1 - ‖I - R M‖)``. Smaller supports are exact dependencies, which floats
    cannot confirm: they are checked in integers afterwards.
    """
    d = Y.shape[1]
    n = d + 1
    if size != n:
        return False
    M = np.empty((n, n))
    A = np.empty((n, n))
    R = np.zeros((n, n))
    for p in range(n):
        for k in range(d):
            M[k, p] = Y[support[p], k]
        M[d, p] = 1.0
    A[:, :] = M
    for p in range(n):
        R[p, p] = 1.0
    for p in range(n):
        pivot = p
        for q in range(p + 1, n):
            if abs(A[q, p]) > abs(A[pivot, p]):
                pivot = q
        if abs(A[pivot, p]) < 1e-12:
            return False
        if pivot != p:
            for k in range(n):
                t = A[p, k]
                A[p, k] = A[pivot, k]
                A[pivot, k] = t
                t = R[p, k]
                R[p, k] = R[pivot, k]
                R[pivot, k] = t
        inverse = 1.0 / A[p, p]
        for k in range(n):
            A[p, k] *= inverse
            R[p, k] *= inverse
        for q in range(n):
            f = A[q, p]
            if q != p and f != 0.0:
                for k in range(n):
                    A[q, k] -= f * A[p, k]
                    R[q, k] -= f * R[p, k]
    unit = 4 * (n + 2) * EPS
    norm = 0.0
    defect = 0.0
    for p in range(n):
        row = 0.0
        off = 0.0
        for q in range(n):
            row += abs(R[p, q])
            s = 0.0
            size_s = 0.0
            for k in range(n):
                s += R[p, k] * M[k, q]
                size_s += abs(R[p, k] * M[k, q])
            if p == q:
                s -= 1.0
            off += abs(s) + unit * size_s
        norm = max(norm, row)
        defect = max(defect, off)
    if defect >= 0.5:
        return False
    # y = R e_{d+1} is the last column of R.
    residual = 0.0
    for p in range(n):
        s = 0.0
        size_s = 0.0
        for k in range(n):
            s += M[p, k] * R[k, d]
            size_s += abs(M[p, k] * R[k, d])
        if p == d:
            s -= 1.0
        residual = max(residual, abs(s) + unit * (size_s + 1.0))
    error = 2.0 * norm * residual / (1.0 - defect)
    smallest = R[0, d]
    for p in range(1, n):
        smallest = min(smallest, R[p, d])
    return smallest > error


def search(Y, units, weights, cutoff, slack, max_nodes, banned, stop, best_point, all_pending):
    """Least violated weight of ``<Y[i], x> > 0`` by conflicts, dual ascent and branching.

    Parameters
    ----------
    Y : (k, d) rows, whose signs count exactly; units : (k, d) the same with Euclidean norm one
    weights : (k,) positive
    cutoff : only smaller violations are sought
    slack : violations this close count as equal
    max_nodes : stop after so many
    banned : (b, d + 2) supports, sorted and padded with -1, that are no conflicts
    stop : (1,) set from outside to interrupt
    best_point : (d,) output
    all_pending : whether to list all supports for confirmation

    Returns
    -------
    best, bound, complete, nodes, pending : pending (n, d + 2) lists the supports that the bound
    rests on and that floats could not confirm.
    """
    k, d = Y.shape
    width = d + 2
    best = cutoff
    nodes = 0
    threshold = slack / k
    heaviest = weights.max()
    active = np.empty(k, np.int64)
    multipliers = np.empty(width + 1)
    support = np.empty(width + 1, np.int64)
    x = np.empty(d)
    Z = units.copy()
    columns = np.empty((d, k))
    residual = np.empty(k)
    share = np.empty(k)
    capacity = 2 * k + 8
    states = np.zeros((capacity, k), np.int8)  # 0 free, 1 required, 2 waived
    costs = np.zeros(capacity)
    floors = np.zeros(capacity)
    top = 1
    pending = np.empty((64, width), np.int32)
    n_pending = 0
    unresolved = np.inf
    state = np.empty(k, np.int8)
    # The conflicts that a node's bound rests on are tried first in its children.
    longest = min(4 * k, 1000)
    inherited = np.empty((capacity, longest, width), np.int32)
    n_inherited = np.zeros(capacity, np.int64)
    chain = np.empty((longest, width), np.int32)
    # Supports that were confirmed lately: the same ones are found again and again.
    confirmed = np.full((REMEMBERED, width), -2, np.int32)
    n_chain = 0
    while top > 0:
        if nodes >= max_nodes or stop[0] != 0:
            bound = min(best, unresolved)
            for t in range(top):
                bound = min(bound, floors[t])
            return best, bound, False, nodes, pending[:n_pending]
        top -= 1
        state[:] = states[top]
        cost = costs[top]
        floor = floors[top]
        if floor >= best - slack:
            continue
        n_chain = n_inherited[top]
        chain[:n_chain] = inherited[top, :n_chain]
        nodes += 1
        done = False
        outcome = UNKNOWN
        lower = cost
        for _round in range(4):
            lower = cost
            for i in range(k):
                share[i] = 0.0
                residual[i] = 0.0 if state[i] == 2 else weights[i]
            n_kept = 0
            replayed = _round == 0 and n_chain > 0
            if not replayed:
                n_chain = 0
            for c in range(n_chain):
                step = 1e300
                soft = 0
                holds = True
                for q in range(width):
                    i = chain[c, q]
                    if i < 0:
                        break
                    if state[i] == 0:
                        soft += 1
                        step = min(step, residual[i])
                    elif state[i] == 2:
                        holds = False
                        break
                if not holds or step <= threshold:
                    continue
                if soft == 0:
                    done = True
                    break
                lower += step
                for q in range(width):
                    i = chain[c, q]
                    if i < 0:
                        break
                    if state[i] == 0:
                        residual[i] -= step
                        share[i] += step / soft
                if n_kept < c:
                    chain[n_kept] = chain[c]
                n_kept += 1
            if done or lower >= best - slack:
                done = True
                break
            n_chain = n_kept
            # Rows scaled by what they may still cost: conflicts among costly rows come first.
            for i in range(k):
                f = 1.0 if state[i] == 1 else max(1e-3, residual[i] / heaviest)
                for c in range(d):
                    Z[i, c] = units[i, c] * f
                    columns[c, i] = Z[i, c]
            warm = 0
            while True:
                n = 0
                for i in range(k):
                    if state[i] == 1 or (state[i] == 0 and residual[i] > threshold):
                        active[n] = i
                        n += 1
                if n == 0:
                    outcome = FEASIBLE
                    break
                if stop[0] != 0:
                    # The bound so far holds; the next node is not begun.
                    outcome = UNKNOWN
                    break
                outcome, size = min_norm_point(Z, columns, active, n, multipliers, support, warm, x)
                if outcome == UNKNOWN and warm > 0:
                    outcome, size = min_norm_point(
                        Z, columns, active, n, multipliers, support, 0, x
                    )
                warm = 0
                if outcome == UNKNOWN:
                    break
                if outcome == FEASIBLE:
                    largest = 0.0
                    for c in range(d):
                        largest += abs(x[c])
                    margin = 4 * (d + 2) * EPS * largest
                    violated = 0.0
                    sure = True
                    for i in range(k):
                        s = 0.0
                        for c in range(d):
                            s += Y[i, c] * x[c]
                        if s <= margin:
                            violated += weights[i]
                            if state[i] == 1:
                                sure = False
                    if not sure:
                        outcome = UNKNOWN
                    if violated < best and sure:
                        best = violated
                        best_point[:] = x
                    break
                insert(support, multipliers, 0, size)
                refused = False
                for b in range(banned.shape[0]):
                    same = True
                    for q in range(size):
                        if banned[b, q] != support[q]:
                            same = False
                            break
                    if same and (size == width or banned[b, size] < 0):
                        refused = True
                        break
                if refused:
                    break
                if not all_pending:
                    slot = 0
                    for q in range(size):
                        slot = (slot * 1000003 + support[q] + 1) % REMEMBERED
                    same = True
                    for q in range(width):
                        if confirmed[slot, q] != (support[q] if q < size else -1):
                            same = False
                            break
                    if not same:
                        same = surely_conflict(Y, support, size)
                        if same:
                            for q in range(width):
                                confirmed[slot, q] = support[q] if q < size else -1
                if all_pending or not same:
                    if n_pending == pending.shape[0]:
                        larger = np.empty((2 * n_pending, width), np.int32)
                        larger[:n_pending] = pending
                        pending = larger
                    for q in range(width):
                        pending[n_pending, q] = support[q] if q < size else -1
                    n_pending += 1
                step = 1e300
                soft = 0
                for q in range(size):
                    i = support[q]
                    if state[i] == 0:
                        soft += 1
                        step = min(step, residual[i])
                if soft == 0:
                    done = True
                    break
                lower += step
                if n_chain < longest:
                    for q in range(width):
                        chain[n_chain, q] = support[q] if q < size else -1
                    n_chain += 1
                for q in range(size):
                    i = support[q]
                    if state[i] == 0:
                        residual[i] -= step
                        share[i] += step / soft
                        f = max(1e-3, residual[i] / heaviest)
                        for c in range(d):
                            Z[i, c] = units[i, c] * f
                            columns[c, i] = Z[i, c]
                        if residual[i] <= threshold:
                            continue
                    support[warm] = i
                    warm += 1
                if lower >= best - slack:
                    done = True
                    break
            if done or lower >= best - slack:
                done = True
                break
            # Hardening: what costs too much to violate is required from here on.
            changed = False
            for i in range(k):
                if state[i] == 0 and lower + residual[i] >= best - slack:
                    state[i] = 1
                    changed = True
            if not changed and not replayed:
                break
        if done:
            continue
        branch = -1
        largest_share = 0.0
        for i in range(k):
            if state[i] == 0 and share[i] > largest_share:
                largest_share = share[i]
                branch = i
        if branch < 0:
            # Nothing to branch on: solved, unless the last set could not be decided.
            if outcome != FEASIBLE:
                for i in range(k):
                    if state[i] == 0 and weights[i] > largest_share:
                        largest_share = weights[i]
                        branch = i
                if branch < 0:
                    unresolved = min(unresolved, lower)
                    continue
            else:
                continue
        lower = max(lower, floor)
        states[top] = state
        states[top, branch] = 2
        costs[top] = cost + weights[branch]
        floors[top] = max(lower, cost + weights[branch])
        inherited[top, :n_chain] = chain[:n_chain]
        n_inherited[top] = n_chain
        top += 1
        states[top] = state
        states[top, branch] = 1
        costs[top] = cost
        floors[top] = lower
        inherited[top, :n_chain] = chain[:n_chain]
        n_inherited[top] = n_chain
        top += 1
    return best, min(best, unresolved), unresolved >= best - slack, nodes, pending[:n_pending]
