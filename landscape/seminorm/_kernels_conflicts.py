"""Kernels of the search by conflicts, see `_conflicts`: Wolfe's algorithm, bounds, branching."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
import numpy as np

from landscape.compiled import compiled
from landscape.seminorm._kernels import EPS, extend, sort_by

FEASIBLE, CONFLICT, UNKNOWN = 0, 1, 2
FREE, REQUIRED, WAIVED = 0, 1, 2
#: Slots for supports that were confirmed to be conflicts.
REMEMBERED = 4096


@compiled
def min_norm_point(Z, columns, active, n, multipliers, support, n_support, x):
    """Wolfe's algorithm: the point of least norm in the hull of the rows ``Z[active[:n]]``.

    A non-zero point has positive products with all rows, so it separates them; zero is a convex
    combination of at most d + 1 rows, a conflict. ``support[:n_support]`` may hold affinely
    independent rows to start from; ``columns`` is Z transposed, for products that vectorize.

    Returns (outcome, size of the support); `support` and `multipliers` hold the combination.
    """
    k, d = Z.shape
    gram, factor = np.empty((d + 2, d + 2)), np.empty((d + 2, d + 2))
    forward, solution, values = np.empty(d + 2), np.empty(d + 2), np.empty(k)
    size = n_support
    if size == 0:
        least = np.inf
        for q in range(n):
            s = 0.0
            for c in range(d):
                s += Z[active[q], c] * Z[active[q], c]
            if s < least:
                least = s
                support[0] = active[q]
        size = 1
    for p in range(size):
        multipliers[p] = 1.0 / size
    largest = 0.0
    for p in range(size):
        _products(Z, support, p, gram)
        largest = max(largest, gram[p, p])
    fresh = n_support > 0
    # How many rows of the support are factored, and with which multiple of e e^T.
    factored, sigma = 0, 0.0
    for _ in range(50 * (d + 5)):
        if not fresh:
            xx = 0.0
            for c in range(d):
                s = 0.0
                for p in range(size):
                    s += multipliers[p] * Z[support[p], c]
                x[c] = s
                xx += s * s
            if xx <= 1e-22 * largest:
                return CONFLICT, size
            for i in range(k):
                values[i] = columns[0, i] * x[0]
            for c in range(1, d):
                for i in range(k):
                    values[i] += columns[c, i] * x[c]
            least, j = np.inf, -1
            for q in range(n):
                if values[active[q]] < least:
                    j = active[q]
                    least = values[j]
            if least > 0.0:
                return FEASIBLE, size
            if size > d:
                return UNKNOWN, size
            for p in range(size):
                if support[p] == j:
                    return UNKNOWN, size
            support[size], multipliers[size] = j, 0.0
            _products(Z, support, size, gram)
            largest = max(largest, gram[size, size])
            size += 1
        fresh = False
        while True:
            # The least-norm point of the affine hull: (G + sigma e e^T) y = e, scaled to sum one.
            # The rows are affinely independent, so this is positive definite where G is not.
            if largest > 4 * sigma:
                factored, sigma = 0, largest
            while factored < size:
                if not extend(gram, sigma, factor, forward, factored):
                    return UNKNOWN, size
                factored += 1
            _back(factor, forward, size, solution)
            step, inside = 1.0, True
            for p in range(size):
                if solution[p] <= 1e-13:
                    inside = False
                    drop = multipliers[p] - solution[p]
                    if drop > 0:
                        step = min(step, multipliers[p] / drop)
            if inside:
                for p in range(size):
                    multipliers[p] = solution[p]
                break
            kept = 0
            for p in range(size):
                value = (1 - step) * multipliers[p] + step * solution[p]
                if value > 1e-13:
                    if kept < p:
                        support[kept] = support[p]
                        for q in range(size):
                            gram[kept, q] = gram[p, q]
                        for q in range(size):
                            gram[q, kept] = gram[q, p]
                    multipliers[kept] = value
                    kept += 1
                else:
                    factored = min(factored, kept)
            if kept == size:
                kept = size - 1
                factored = min(factored, kept)
            if kept == 0:
                return UNKNOWN, 0
            size = kept
    return UNKNOWN, size


@compiled
def cell_point(rows, lengths, positive, point):
    """A point of the cell on these sides, written into ``point``; whether there surely is one."""
    k, r = rows.shape
    Z, columns, active = np.empty((k, r)), np.empty((r, k)), np.empty(k, np.int64)
    for h in range(k):
        length, active[h] = lengths[h] if positive[h] else -lengths[h], h
        for c in range(r):
            Z[h, c] = rows[h, c] / length
            columns[c, h] = Z[h, c]
    support = np.empty(r + 3, np.int64)
    outcome, _ = min_norm_point(Z, columns, active, k, np.empty(r + 3), support, 0, point)
    return outcome == FEASIBLE


@compiled
def _products(Z, support, p, gram):
    """Row and column p of the matrix of inner products of the support's rows."""
    for q in range(p + 1):
        s = 0.0
        for k in range(Z.shape[1]):
            s += Z[support[p], k] * Z[support[q], k]
        gram[p, q] = gram[q, p] = s


@compiled
def _back(factor, forward, n, solution):
    """Back substitution, scaled such that the solution's sum is one."""
    total = 0.0
    for p in range(n - 1, -1, -1):
        s = forward[p]
        for t in range(p + 1, n):
            s -= factor[t, p] * solution[t]
        solution[p] = s / factor[p, p]
        total += solution[p]
    for p in range(n):
        solution[p] /= total


@compiled
def _surely_conflict(Y, support, size):
    """Whether d + 1 rows have positive multipliers beyond all rounding errors.

    The multipliers solve ``M y = [Y^T; 1] y = e_{d+1}``; an approximate inverse R bounds their
    error by ``‖R‖ ‖residual‖ / (1 - ‖I - R M‖)``. Smaller supports are exact dependencies, which
    floats cannot confirm: they are checked in integers afterwards.
    """
    d = Y.shape[1]
    n = d + 1
    if size != n:
        return False
    M, A, R = np.empty((n, n)), np.empty((n, n)), np.zeros((n, n))
    for p in range(n):
        R[p, p] = 1.0
        for k in range(n):
            A[k, p] = M[k, p] = Y[support[p], k] if k < d else 1.0
    for p in range(n):
        pivot = p
        for q in range(p + 1, n):
            if abs(A[q, p]) > abs(A[pivot, p]):
                pivot = q
        if abs(A[pivot, p]) < 1e-12:
            return False
        for k in range(n):
            A[p, k], A[pivot, k] = A[pivot, k], A[p, k]
            R[p, k], R[pivot, k] = R[pivot, k], R[p, k]
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
    norm, defect, residual, smallest = 0.0, 0.0, 0.0, np.inf
    for p in range(n):
        # Row p of I - R M, and of the residual of y = R e_{d+1}, the last column of R.
        row, off, s, size_s = 0.0, 0.0, 0.0, 1.0
        for q in range(n):
            row += abs(R[p, q])
            s += M[p, q] * R[q, d]
            size_s += abs(M[p, q] * R[q, d])
            inner, size_inner = 0.0, 0.0
            for k in range(n):
                inner += R[p, k] * M[k, q]
                size_inner += abs(R[p, k] * M[k, q])
            off += abs(inner - (p == q)) + unit * size_inner
        norm, defect = max(norm, row), max(defect, off)
        residual = max(residual, abs(s - (p == d)) + unit * size_s)
        smallest = min(smallest, R[p, d])
    return defect < 0.5 and smallest > 2.0 * norm * residual / (1.0 - defect)


@compiled
def _same(padded, support, size):
    """Whether a support, padded with -1, is this one."""
    same = True
    for q in range(len(padded)):
        same &= padded[q] == (support[q] if q < size else -1)
    return same


@compiled
def _charge(support, size, state, residual, share):
    """Lower the residual weights of a conflict's free members by the least of them: dual ascent.

    Returns the step, and whether there is a free member.
    """
    step, free = np.inf, 0
    for q in range(size):
        if state[support[q]] == FREE:
            free += 1
            step = min(step, residual[support[q]])
    for q in range(size):
        i = support[q]
        if state[i] == FREE:
            residual[i] -= step
            share[i] += step / free
    return step, free > 0


@compiled
def _replay(chain, n_chain, state, residual, share, threshold):
    """Charge the conflicts that a parent's bound rests on, as far as they still count.

    Returns the bound they give, whether one contradicts what is required, and how many are kept.
    """
    width = chain.shape[1]
    bound, kept = 0.0, 0
    for c in range(n_chain):
        size, least, holds = 0, np.inf, True
        while size < width and chain[c, size] >= 0:
            i = chain[c, size]
            holds &= state[i] != WAIVED
            if state[i] == FREE:
                least = min(least, residual[i])
            size += 1
        if not holds or least <= threshold:
            continue
        step, some = _charge(chain[c], size, state, residual, share)
        if not some:
            return bound, True, kept
        bound += step
        if kept < c:
            _copy(chain, c, chain, kept)
        kept += 1
    return bound, False, kept


@compiled
def search(Y, units, weights, cutoff, slack, max_nodes, banned, stop, best_point, all_pending):
    """Least violated weight of ``<Y[i], x> > 0`` by conflicts, dual ascent and branching.

    Only violations below the cutoff are sought, and those within the slack count as equal. The
    signs of Y (k, d) count exactly; ``units`` are its rows with norm one. ``banned`` (b, d + 2)
    int32 lists supports, sorted and padded with -1, that are no conflicts.

    Returns a bound, whether it is decided, the number of nodes, and the supports, listed likewise,
    that the bound rests on and floats could not confirm (all of them if ``all_pending``).
    """
    k, d = Y.shape
    width = d + 2
    best, nodes, unresolved = cutoff, 0, np.inf
    threshold, heaviest = slack / k, 0.0
    for i in range(k):
        heaviest = max(heaviest, weights[i])
    active, support = np.empty(k, np.int64), np.empty(width + 1, np.int64)
    multipliers, x = np.empty(width + 1), np.empty(d)
    Z, columns = np.empty((k, d)), np.empty((d, k))
    residual, share = np.empty(k), np.empty(k)
    # Open nodes: states of the rows, weight of the waived ones, bound, and the conflicts that the
    # parent's bound rests on.
    capacity, longest = 2 * k + 8, min(4 * k, 1000)
    states, state = np.zeros((capacity, k), np.int8), np.empty(k, np.int8)
    costs, floors = np.zeros(capacity), np.zeros(capacity)
    inherited = np.empty((capacity, longest, width), np.int32)
    n_inherited = np.zeros(capacity, np.int64)
    chain = np.empty((longest, width), np.int32)
    pending, n_pending = np.empty((64, width), np.int32), 0
    # Supports that were confirmed lately: the same ones are found again and again.
    confirmed = np.zeros((REMEMBERED, width), np.int32)
    top = 1
    while top > 0:
        if nodes >= max_nodes or stop[0] != 0:
            for t in range(top):
                unresolved = min(unresolved, floors[t])
            return min(best, unresolved), False, nodes, pending[:n_pending]
        top -= 1
        cost, floor, n_chain = costs[top], floors[top], n_inherited[top]
        if floor >= best - slack:
            continue
        for i in range(k):
            state[i] = states[top, i]
        for c in range(n_chain):
            _copy(inherited[top], c, chain, c)
        nodes += 1
        done, outcome, lower = False, UNKNOWN, cost
        for _round in range(4):
            for i in range(k):
                share[i], residual[i] = 0.0, 0.0 if state[i] == WAIVED else weights[i]
            replayed = _round == 0 and n_chain > 0
            gain, done, n_chain = _replay(
                chain, n_chain if replayed else 0, state, residual, share, threshold
            )
            lower = cost + gain
            done |= lower >= best - slack
            if done:
                break
            # Rows scaled by what they may still cost: conflicts among costly rows come first.
            for i in range(k):
                f = 1.0 if state[i] == REQUIRED else max(1e-3, residual[i] / heaviest)
                for c in range(d):
                    Z[i, c] = columns[c, i] = units[i, c] * f
            warm = 0
            while not done:
                n = 0
                for i in range(k):
                    if state[i] == REQUIRED or (state[i] == FREE and residual[i] > threshold):
                        active[n] = i
                        n += 1
                outcome = FEASIBLE if n == 0 else UNKNOWN
                if n == 0 or stop[0] != 0:
                    break  # the bound so far holds
                outcome, size = min_norm_point(Z, columns, active, n, multipliers, support, warm, x)
                if outcome == UNKNOWN and warm > 0:
                    warm = 0
                    outcome, size = min_norm_point(
                        Z, columns, active, n, multipliers, support, warm, x
                    )
                if outcome == FEASIBLE:
                    violated, sure = _violated(Y, weights, state, x)
                    if not sure:
                        outcome = UNKNOWN
                    elif violated < best:
                        best = violated
                        for c in range(d):
                            best_point[c] = x[c]
                if outcome != CONFLICT:
                    break
                sort_by(support, multipliers, size, 1)
                refused = False
                for b in range(len(banned)):
                    refused |= _same(banned[b], support, size)
                if refused:
                    break
                slot = 0
                for q in range(size):
                    slot = (slot * 1000003 + support[q] + 1) % REMEMBERED
                if all_pending or not _same(confirmed[slot], support, size):
                    if all_pending or not _surely_conflict(Y, support, size):
                        if n_pending == len(pending):
                            larger = np.empty((2 * n_pending, width), np.int32)
                            for c in range(n_pending):
                                _copy(pending, c, larger, c)
                            pending = larger
                        _write(pending[n_pending], support, size)
                        n_pending += 1
                    else:
                        _write(confirmed[slot], support, size)
                step, some = _charge(support, size, state, residual, share)
                if not some:
                    done = True
                    break
                lower += step
                if n_chain < longest:
                    _write(chain[n_chain], support, size)
                    n_chain += 1
                warm = 0
                for q in range(size):
                    i = support[q]
                    if state[i] == FREE:
                        f = max(1e-3, residual[i] / heaviest)
                        for c in range(d):
                            Z[i, c] = columns[c, i] = units[i, c] * f
                    if state[i] != FREE or residual[i] > threshold:
                        support[warm] = i
                        warm += 1
                done = lower >= best - slack
            done |= lower >= best - slack
            if done:
                break
            # Hardening: what costs too much to violate is required from here on.
            changed = False
            for i in range(k):
                if state[i] == FREE and lower + residual[i] >= best - slack:
                    state[i] = REQUIRED
                    changed = True
            if not changed and not replayed:
                break
        if done:
            continue
        branch, largest = -1, 0.0
        for i in range(k):
            if state[i] == FREE and share[i] > largest:
                largest, branch = share[i], i
        if branch < 0 and outcome == FEASIBLE:
            continue  # nothing to branch on: solved
        if branch < 0:
            # The last set could not be decided.
            for i in range(k):
                if state[i] == FREE and weights[i] > largest:
                    largest, branch = weights[i], i
        if branch < 0:
            unresolved = min(unresolved, lower)
            continue
        lower = max(lower, floor)
        for choice in (WAIVED, REQUIRED):
            for i in range(k):
                states[top, i] = choice if i == branch else state[i]
            costs[top] = cost + (weights[branch] if choice == WAIVED else 0.0)
            floors[top] = max(lower, costs[top])
            for c in range(n_chain):
                _copy(chain, c, inherited[top], c)
            n_inherited[top] = n_chain
            top += 1
    return min(best, unresolved), unresolved >= best - slack, nodes, pending[:n_pending]


@compiled
def _copy(source, s, target, t):
    """Copy a row; numba compiles an assignment of slices for seconds."""
    for q in range(source.shape[1]):
        target[t, q] = source[s, q]


@compiled
def _write(padded, support, size):
    """Copy a support, padded with -1."""
    for q in range(len(padded)):
        padded[q] = support[q] if q < size else -1


@compiled
def _violated(Y, weights, state, x):
    """Weight of the rows that a point violates, and whether it surely satisfies the required."""
    k, d = Y.shape
    margin = 0.0
    for c in range(d):
        margin += 4 * (d + 2) * EPS * abs(x[c])
    violated, sure = 0.0, True
    for i in range(k):
        s = 0.0
        for c in range(d):
            s += Y[i, c] * x[c]
        if s <= margin:
            violated += weights[i]
            sure &= state[i] != REQUIRED
    return violated, sure
