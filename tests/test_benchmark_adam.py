"""Adam with sums over samples, of the benchmark of networks, takes the steps of plain Adam."""

import numpy as np
import pytest

from benchmarks.networks.__main__ import drawn, fast_adam, plain_adam


@pytest.mark.slow
@pytest.mark.parametrize(("n", "d", "m"), [(300, 5, 3), (200, 4, 1)])
def test_sums_take_the_steps_of_plain_adam(n, d, m):
    rng = np.random.default_rng([n, d, m])
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    begin = drawn(X, m, rng)
    one, other = (run(begin, X, y, 2000) for run in (plain_adam, fast_adam))
    assert np.abs(one.weights - begin[: m * d].reshape(m, d)).max() > 0.01
    np.testing.assert_allclose(other.rows, one.rows, atol=1e-12)
    np.testing.assert_allclose(other.output_weights, one.output_weights, atol=1e-12)
    assert other.offset == pytest.approx(one.offset, abs=1e-12)
