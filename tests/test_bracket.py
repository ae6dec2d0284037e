"""The global bracket, against exact merge trees, whose roots are global, and against itself."""

import numpy as np
import pytest

from landscape import BalancedSpace, RestrictedSpace, UnrestrictedSpace, merge_tree
from landscape.bracket import BracketOutcome, bracket_global_minimum
from landscape.objective import loss


def space_of(name, p, m):
    if name == "restricted":
        return RestrictedSpace(p + 2, m)
    if name == "balanced":
        return BalancedSpace(p + 2, m)
    return UnrestrictedSpace(p + 1, m + 1, offset=True)


def sample(kind, p, n, rng):
    """Data of a kind: in general position, or not."""
    x = rng.standard_normal((n, p))
    if kind == "integers":
        x = rng.integers(-2, 3, (n, p)).astype(float)
    elif kind == "twice":
        x[n // 2 :] = x[: n - n // 2]
    elif kind == "collinear":
        x = np.outer(rng.integers(-4, 5, n), np.ones(p))
    elif kind == "far":
        x = 1e6 + 1e3 * x
    elif kind == "tiny":
        x = 1e-9 * x
    y = rng.standard_normal(n) if kind != "integers" else rng.integers(-2, 3, n).astype(float)
    return x, y * (1e-8 if kind == "tiny" else 1.0)


KINDS = ["general", "integers", "twice", "collinear", "far", "tiny"]


def assert_agrees(x, y, space, bracket, tree):
    size = float(y @ y) / len(y)
    assert bracket.outcome is BracketOutcome.CLOSED
    assert bracket.lower <= bracket.upper <= bracket.lower + 2e-9 * size
    birth = tree.pairs[0, 0]
    assert bracket.lower <= birth + 1e-12 * size
    assert bracket.upper >= birth - 1e-9 * size
    again = loss(bracket.network, space.embed(x), y)
    assert again == pytest.approx(bracket.upper, abs=1e-9 * size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
@pytest.mark.parametrize(("p", "n", "m"), [(1, 9, 2), (1, 7, 3), (2, 7, 2)])
def test_root_of_the_tree(kind, name, p, n, m, subtests=None):
    rng = np.random.default_rng([KINDS.index(kind), p, n, m])
    x, y = sample(kind, p, n, rng)
    space = space_of(name, p, m)
    bracket = bracket_global_minimum(x, y, space=space, n_starts=1, node_limit=20_000)
    assert_agrees(x, y, space, bracket, merge_tree(x, y, space=space))
