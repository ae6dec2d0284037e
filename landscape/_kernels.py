"""What compiled loops over vectors share: numba takes seconds for each array expression."""

# mypy: allow-untyped-defs
# numba infers the types.
from landscape.compiled import compiled


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
