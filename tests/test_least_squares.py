"""Newton steps of the descent: the shortest minimizer, whichever factorization finds it."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import solve_least_squares


@pytest.mark.parametrize("kind", ["generic", "wide", "equal columns", "zero column", "integers"])
def test_shortest_minimizer(kind):
    rng = np.random.default_rng(2)
    for _ in range(40):
        q = int(rng.integers(2, 9))
        n = q - 1 if kind == "wide" else int(rng.integers(q, 30))
        A, b = rng.standard_normal((n, q)), rng.standard_normal(n)
        if kind == "equal columns":
            A[:, 0] = A[:, 1]
        if kind == "zero column":
            A[:, 0] = 0.0
        if kind == "integers":
            A = rng.integers(-1, 2, (n, q)).astype(float)
        before = A.copy(), b.copy()
        x = solve_least_squares(A, b)
        assert (before[0] == A).all() and (before[1] == b).all()
        sizes = np.linalg.norm(A, axis=0)
        scaled = A / np.where(sizes > 0, sizes, 1.0)
        # Columns are scaled to length one: shortest is meant there.
        expected = np.linalg.pinv(scaled, rcond=1e-10) @ b
        assert x * sizes == pytest.approx(expected * (sizes > 0), rel=1e-6, abs=1e-8)


def test_scales_of_columns_do_not_matter():
    rng = np.random.default_rng(3)
    A, b = rng.standard_normal((20, 4)), rng.standard_normal(20)
    scales = 2.0 ** np.array([-15, 0, 3, 15])
    x = solve_least_squares(A * scales, b)
    assert x * scales == pytest.approx(solve_least_squares(A, b), rel=1e-12)


def test_nothing_to_solve():
    assert solve_least_squares(np.zeros((3, 2)), np.ones(3)).tolist() == [0.0, 0.0]
