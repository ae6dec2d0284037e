"""The exact line search: the first few breakpoints one by one agree with all of them at once.

Checks Theorem 9 of docs/mathematics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import _lines, line_search


@pytest.mark.parametrize("integers", [False, True])
def test_the_nearest_breakpoints_agree_with_all_of_them(integers, monkeypatch):
    rng = np.random.default_rng(0)
    n_long = n_tied = 0
    for case in range(300):
        n, m = int(rng.integers(1, 40)), int(rng.integers(1, 4))
        z, dz = rng.standard_normal((2, n, m))
        s, limit = rng.standard_normal(n), np.inf if case % 2 else 1.0
        if integers:
            z, dz, s = np.round(3 * z), np.round(2 * dz), np.round(3 * s)
        signs = np.where(rng.random(m) < 0.5, -1.0, 1.0)
        t, slope, hits = line_search(z, dz, signs, s, None, limit)
        with monkeypatch.context() as patch:
            patch.setattr(_lines, "NEAREST", 1_000_000)
            again, _, hits_again = line_search(z, dz, signs, s, None, limit)
        assert t == pytest.approx(again, rel=1e-9)
        assert slope < 0 or t == 0
        if not integers:
            assert (hits == hits_again).all()
        n_long += n * m > 4 * _lines.NEAREST
        if not 0 < t < np.inf:
            continue

        def loss(step, z=z, dz=dz, signs=signs, s=s):
            ahead = np.maximum(z + step * dz, 0) - np.maximum(z, 0)
            return float(np.sum((s + ahead @ signs) ** 2))

        # The loss falls all the way, and not behind.
        steps = np.linspace(0, t, 30)
        values = [loss(step) for step in steps]
        assert (np.diff(values) <= 1e-9 * (1 + values[0])).all()
        if t < limit:
            assert loss(t * (1 + 1e-6)) >= values[-1] - 1e-9 * (1 + values[0])
            n_tied += hits.sum() > 1
    assert n_long > 10
    assert n_tied >= 3 or not integers


@pytest.mark.parametrize("nearest", [1, 2, 24])
@pytest.mark.parametrize(("heavy", "expected"), [(0.5, 1.0), (3.0, 5 / 3)])
def test_breakpoints_at_one_place_count_together(heavy, expected, nearest, monkeypatch):
    """Slope -3 before t = 1, where one kink adds 4 and another takes ``heavy`` away."""
    if not nearest:
        monkeypatch.setattr(_lines, "NEAREST", 1_000_000)
    for order in ([0, 1, 2], [1, 0, 2]):
        s, z = np.array([4.0, -heavy, -4.0])[order], np.array([-1.0, -1.0, 0.0])[order]
        t, slope, hits = line_search(z[:, None], np.ones((3, 1)), np.ones(1), s)
        assert (t, slope) == (pytest.approx(expected), -4.0)
        assert hits[:2].all() == (expected == 1.0) and not hits[2]
