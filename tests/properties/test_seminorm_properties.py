"""Properties of the seminorm that hold exactly, or up to the stated rounding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landscape.parametrization import Parametrization
from landscape.realization import difference
from landscape.seminorm import exact_seminorm, sobolev_distance, sobolev_seminorm


@st.composite
def networks(draw, d: int | None = None, most: int = 7) -> Parametrization:
    """Networks with small integer and with arbitrary entries, often degenerate."""
    d = draw(st.integers(1, 4)) if d is None else d
    m = draw(st.integers(1, most))
    entries = draw(
        st.sampled_from(
            [
                st.integers(-2, 2).map(float),
                st.floats(-4, 4, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-9 else 0.0),
            ]
        )
    )
    weights = draw(hnp.arrays(float, (m, d), elements=entries))
    outputs = draw(hnp.arrays(float, m, elements=entries))
    return Parametrization(weights, outputs)


@given(networks(), st.randoms(use_true_random=False))
def test_permutations_and_powers_of_two_change_nothing(theta, random) -> None:
    order = list(range(theta.n_neurons))
    random.shuffle(order)
    powers = np.array([random.randint(-30, 30) for _ in order])
    moved = Parametrization(
        np.ldexp(theta.weights, powers[:, None]), np.ldexp(theta.output_weights, -powers)
    ).permute(order)
    assert sobolev_seminorm(moved).value == sobolev_seminorm(theta).value


@given(networks(), st.integers(-40, 40))
def test_scales_with_the_output_weights(theta, power) -> None:
    scaled = Parametrization(theta.weights, np.ldexp(-theta.output_weights, power))
    assert sobolev_seminorm(scaled).value == np.ldexp(sobolev_seminorm(theta).value, power)


@given(st.data(), st.integers(1, 4))
def test_triangle_inequality(data, d) -> None:
    one, two, three = (data.draw(networks(d)) for _ in range(3))
    direct = sobolev_distance(one, three)
    detour = sobolev_distance(one, two), sobolev_distance(two, three)
    slack = direct.tolerance + sum(part.tolerance for part in detour)
    # Merging directions within the tolerance moves gradients by as much, relatively.
    slack += 1e-13 * sum(
        np.abs(n.output_weights) @ np.abs(n.weights).max(axis=1) for n in (one, two, three)
    )
    assert direct.value <= sum(part.value for part in detour) + slack


@given(networks())
def test_distance_to_itself_is_zero(theta) -> None:
    assert sobolev_distance(theta, theta).value == 0.0
    assert sobolev_distance(theta, theta.permute(np.arange(theta.n_neurons)[::-1])).value == 0.0


@given(networks(d=3, most=5), networks(d=3, most=5))
def test_agrees_with_rational_arithmetic(gamma, theta) -> None:
    network = difference(gamma, theta)
    record = sobolev_seminorm(network, certify=True)
    exact = exact_seminorm(network.weights, network.output_weights)
    scale = float(np.abs(network.output_weights) @ np.abs(network.weights).max(axis=1))
    assert record.exact
    assert record.proved
    assert abs(record.value - float(exact.value)) <= record.tolerance + 1e-14 * scale
