"""What compiled code shares: loops over vectors, and non-negative least squares.

Loops, because numba takes seconds for each array expression.
"""

# mypy: allow-untyped-defs
# numba infers the types.
import numpy as np

from landscape.compiled import compiled

#: A column enters when its slope exceeds this, in units of its norm and the target's.
ENTERS = 1e-13
#: Columns depend on others when so little of their square is left.
DEPENDENT = 1e-12


@compiled
def inner(a, b):
    """The inner product of two vectors."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@compiled
def add(factor, source, target):
    """Add a multiple of a vector to another one."""
    for j in range(source.size):
        target[j] += factor * source[j]


@compiled
def copy(source, target):
    """Write a matrix into the first columns of another one."""
    for i in range(len(source)):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled
def nonnegative(gram, moments, size, x):
    """``min x'Gx - 2 m'x`` over x >= 0 by Lawson and Hanson, for columns and a target of norm one.

    Returns by how much the value at x may exceed the minimum: by what a column would lower it that
    was refused because it depends on others, and by the slopes left, at weights like x's.
    """
    used, count = np.empty(size + 1, dtype=np.int64), 0
    refused, error = np.empty(size, dtype=np.bool_), 0.0
    factor, aim = np.empty((size + 1, size + 1)), np.empty(size + 1)
    for j in range(size):
        x[j], refused[j] = 0.0, False
    for _ in range(10 * size + 10):
        largest, enter = ENTERS, -1
        for j in range(size):
            slope = moments[j]
            for p in range(count):
                slope -= gram[j, used[p]] * x[used[p]]
                if used[p] == j:
                    slope = -np.inf
            if slope > largest and not refused[j]:
                largest, enter = slope, j
        if enter < 0:
            break
        used[count] = enter
        count += 1
        while True:
            depends = False
            for p in range(count):
                for q in range(p + 1):
                    value = gram[used[p], used[q]]
                    for o in range(q):
                        value -= factor[p, o] * factor[q, o]
                    if q < p:
                        factor[p, q] = value / factor[q, q]
                    elif value > DEPENDENT:
                        factor[p, p] = np.sqrt(value)
                    elif used[p] != enter:
                        return np.inf
                    else:
                        depends = True
                        error += largest * largest / max(value, 1e-16)
                if depends:
                    break
                value = moments[used[p]]
                for o in range(p):
                    value -= factor[p, o] * aim[o]
                aim[p] = value / factor[p, p]
            if depends:
                refused[enter] = True
                x[enter] = 0.0
                kept = 0
                for p in range(count):
                    if used[p] != enter:
                        used[kept] = used[p]
                        kept += 1
                count = kept
                break
            for p in range(count - 1, -1, -1):
                for o in range(p + 1, count):
                    aim[p] -= factor[o, p] * aim[o]
                aim[p] /= factor[p, p]
            step = 1.0
            for p in range(count):
                if aim[p] <= 0.0:
                    step = min(step, x[used[p]] / (x[used[p]] - aim[p]))
            kept = 0
            for p in range(count):
                j = used[p]
                x[j] += step * (aim[p] - x[j])
                if step == 1.0 or (aim[p] > 0.0 or x[j] > ENTERS):
                    used[kept] = j
                    kept += 1
                else:
                    x[j] = 0.0
            if step == 1.0:
                break
            count = kept
    largest, total = 0.0, 0.0
    for j in range(size):
        slope = moments[j]
        for p in range(size):
            slope -= gram[j, p] * x[p]
        largest = max(largest, slope)
        total += x[j]
    return error + largest * (1.0 + total)
