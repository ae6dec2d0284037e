"""Compiled search of supports; ``_supports.search_reference`` does the same with numpy."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.compiled import compiled

#: What remains of a column when it counts as dependent on the earlier ones, for unit columns.
DEPENDENT = 1e-8


@compiled
def search(
    first, k, n_types, columns, widths, facets, n_facets, conditions, slacks, n_conditions, y,
    border, found,
):  # fmt: skip
    """Codes of all supports of k types whose smallest one is ``first``; see ``_supports``.

    Writes rows (types..., code) with a code other than 0 into ``found`` and returns their number,
    which may exceed its length: call again with a longer one.
    """
    n = y.size
    r = columns.shape[1]
    eps = 2.220446049250313e-16
    q = np.empty((r * k, n))
    tri = np.zeros((r * k, r * k))
    work = np.empty(n)
    s = np.empty(n)
    e = np.empty(r * k)
    start = np.empty(k + 1, dtype=np.int64)
    owner = np.empty(r * k, dtype=np.int64)
    free = np.empty(k, dtype=np.bool_)
    mixed = np.empty(k, dtype=np.bool_)
    t = np.empty(k, dtype=np.int64)
    for i in range(k):
        t[i] = first + i
    n_found = 0
    if t[k - 1] >= n_types:
        return 0
    while True:
        # --- least squares on the linear hull, by Gram-Schmidt, twice
        size = 0
        ratio = 1.0
        deficient = False
        for i in range(k):
            mixed[i] = False
        for i in range(k):
            f = t[i] // 2
            start[i] = size
            free[i] = False
            if i > 0 and t[i - 1] // 2 == f:
                free[i] = True
                free[i - 1] = True
                continue
            for c in range(widths[f]):
                for h in range(n):
                    work[h] = columns[f, c, h]
                for j in range(size):
                    tri[j, size] = 0.0
                for _ in range(2):
                    for j in range(size):
                        dot = 0.0
                        for h in range(n):
                            dot += q[j, h] * work[h]
                        tri[j, size] += dot
                        for h in range(n):
                            work[h] -= dot * q[j, h]
                after = 0.0
                for h in range(n):
                    after += work[h] * work[h]
                after = np.sqrt(after)
                if after <= DEPENDENT:
                    # It trades with those earlier columns that it is a combination of.
                    deficient = True
                    mixed[i] = True
                    for j in range(size - 1, -1, -1):
                        e[j] = tri[j, size]
                        for h in range(j + 1, size):
                            e[j] -= tri[j, h] * e[h]
                        e[j] /= tri[j, j]
                        if abs(e[j]) > DEPENDENT:
                            mixed[owner[j]] = True
                    continue
                ratio = min(ratio, after)
                for h in range(n):
                    q[size, h] = work[h] / after
                tri[size, size] = after
                owner[size] = i
                size += 1
        start[k] = size
        for h in range(n):
            s[h] = -y[h]
        for _ in range(2):
            for j in range(size):
                dot = 0.0
                for h in range(n):
                    dot += q[j, h] * s[h]
                for h in range(n):
                    s[h] -= dot * q[j, h]
        # --- multipliers of kinks that are independent: linear conditions on the residuals
        code = 1
        for i in range(k):
            f = t[i] // 2
            sign = 1.0 - 2.0 * (t[i] % 2)
            for j in range(n_conditions[f]):
                value = 0.0
                for h in range(n):
                    value += conditions[f, j, h] * s[h]
                if sign * value < -slacks[f, j]:
                    code = 0
                    break
            if code == 0:
                break
        if code == 1:
            # --- does every neuron's part that is unique lie in the image of its face?
            # Its rounding error is relative to the targets, however small it is itself.
            total = 0.0
            for h in range(n):
                total += y[h] * y[h]
            for j in range(size):
                dot = 0.0
                for h in range(n):
                    dot += q[j, h] * y[h]
                e[j] = dot
            for j in range(size - 1, -1, -1):
                for c in range(j + 1, size):
                    e[j] -= tri[j, c] * e[c]
                e[j] /= tri[j, j]
            rounding = 64.0 * eps * np.sqrt(total) / ratio
            for i in range(k):
                if free[i] or mixed[i]:
                    continue
                f = t[i] // 2
                sign = 1.0 - 2.0 * (t[i] % 2)
                length = 0.0
                for c in range(start[i], start[i + 1]):
                    length += e[c] * e[c]
                width = border * np.sqrt(length) + rounding
                for j in range(n_facets[f]):
                    z = 0.0
                    for c in range(widths[f]):
                        z += facets[f, j, c] * e[start[i] + c]
                    z *= sign
                    if z <= width:
                        if z < -width:
                            code = 0
                            break
                        code = 3
                if code == 0:
                    break
            if code != 0 and deficient:
                code = 2
        if code != 0:
            if n_found < found.shape[0]:
                for i in range(k):
                    found[n_found, i] = t[i]
                found[n_found, k] = code
            n_found += 1
        # --- next combination with the same smallest type
        i = k - 1
        while i > 0 and t[i] == n_types - k + i:
            i -= 1
        if i == 0:
            return n_found
        t[i] += 1
        for j in range(i + 1, k):
            t[j] = t[j - 1] + 1
