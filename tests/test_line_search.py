"""The exact line search: the first few breakpoints one by one agree with all of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import _line, line_search


@pytest.mark.parametrize("integers", [False, True])
def test_the_nearest_breakpoints_agree_with_all_of_them(integers, monkeypatch):
    rng = np.random.default_rng(0)
    n_long = 0
    for case in range(300):
        n, m = int(rng.integers(1, 40)), int(rng.integers(1, 4))
        z, dz = rng.standard_normal((2, n, m))
        s, limit = rng.standard_normal(n), np.inf if case % 2 else 1.0
        if integers:
            z, dz, s = np.round(3 * z), np.round(2 * dz), np.round(3 * s)
        signs = np.where(rng.random(m) < 0.5, -1.0, 1.0)
        t, slope, hits = line_search(z, dz, signs, s, None, limit)
        with monkeypatch.context() as patch:
            patch.setattr(_line, "_nearest", lambda *_: None)
            again, _, hits_again = line_search(z, dz, signs, s, None, limit)
        assert t == pytest.approx(again, rel=1e-9)
        assert slope < 0 or t == 0
        if not integers:
            assert (hits == hits_again).all()
        n_long += n * m > 4 * _line.NEAREST
        if not 0 < t < np.inf:
            continue

        def loss(step, z=z, dz=dz, signs=signs, s=s):
            ahead = np.maximum(z + step * dz, 0) - np.maximum(z, 0)
            return float(np.sum((s + ahead @ signs) ** 2))

        # The loss falls all the way, and not behind.
        steps = np.linspace(0, t, 30)
        values = [loss(step) for step in steps]
        assert (np.diff(values) <= 1e-9 * (1 + values[0])).all()
        # (Of several breakpoints at one place the first that turns the slope is enough to stop.)
        if t < limit and not integers:
            assert loss(t * (1 + 1e-6)) >= values[-1] - 1e-9 * (1 + values[0])
    assert n_long > 10
