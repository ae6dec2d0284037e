"""Canonical forms decide which networks are equal, on both sides of the tolerance.

Checks Theorems 2 and 11 of docs/mathematics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from landscape.canonical import canonical_form, merge_hyperplanes, same_realization
from landscape.parametrization import DIRECTION_TOLERANCE, Parametrization
from landscape.realization import realize
from tests.oracles.networks import DEGENERATE, GENERIC


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_form_is_the_same_function(make, d: int, rng: np.random.Generator) -> None:
    theta = Parametrization(*make(rng, d, 8))
    form = canonical_form(theta)
    points = rng.standard_normal((50, d))
    values = np.maximum(points @ form.normals.T, 0) @ form.jumps + points @ form.linear
    scale = np.abs(theta.output_weights[:, None] * theta.weights).sum()
    np.testing.assert_allclose(values, realize(theta, points), atol=1e-13 * scale)
    assert same_realization(theta, form.to_parametrization())
    if len(form.normals):
        np.testing.assert_array_equal(np.abs(form.normals).max(axis=1), 1.0)
        gaps = [
            min(np.abs(e - f).max(), np.abs(e + f).max())
            for i, e in enumerate(form.normals)
            for f in form.normals[:i]
        ]
        assert min(gaps, default=1.0) > DIRECTION_TOLERANCE
    for i, label in enumerate(form.labels):
        if label >= 0:
            unit = theta.weights[i] / np.abs(theta.weights[i]).max()
            np.testing.assert_allclose(form.orientations[i] * form.normals[label], unit, atol=1e-14)


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_equality_survives_what_keeps_the_realization(make, rng: np.random.Generator) -> None:
    theta = Parametrization(*make(rng, 3, 9))
    order = rng.permutation(theta.n_neurons)
    assert same_realization(theta, theta.permute(order))
    assert same_realization(theta, theta.balance())
    assert same_realization(theta, theta.merge())
    factors = rng.uniform(0.1, 10.0, theta.n_neurons)
    rescaled = Parametrization(theta.weights * factors[:, None], theta.output_weights / factors)
    assert same_realization(theta, rescaled)


def test_different_networks_differ(rng: np.random.Generator) -> None:
    theta = Parametrization(rng.standard_normal((5, 3)), rng.standard_normal(5))
    outputs = theta.output_weights.copy()
    outputs[2] *= 1 + 1e-12
    result = same_realization(theta, Parametrization(theta.weights, outputs))
    assert not result
    assert len(result.difference.jumps) == 1


def test_both_sides_of_the_direction_tolerance() -> None:
    for factor, expected in ((0.5, True), (2.0, False)):
        moved = [1.0, 0.5 + factor * DIRECTION_TOLERANCE]
        gamma = Parametrization([[1.0, 0.5]], [1.0])
        assert bool(same_realization(gamma, Parametrization([moved], [1.0]))) is expected


def test_flips_whose_products_cancel_are_equal() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    gamma, theta = Parametrization(rows, np.ones(3)), Parametrization(-rows, np.ones(3))
    assert same_realization(gamma, theta)
    assert not same_realization(gamma, Parametrization(-rows, [1.0, 1.0, 0.5]))


def test_hyperplanes_do_not_depend_on_order_and_powers_of_two(rng: np.random.Generator) -> None:
    rows = rng.integers(-2, 3, (12, 3)).astype(float) * rng.uniform(0.5, 2, (12, 1))
    planes = merge_hyperplanes(rows)
    order = rng.permutation(12)
    powers = rng.integers(-900, 900, 12)
    again = merge_hyperplanes(np.ldexp(rows, powers[:, None])[order])
    np.testing.assert_array_equal(planes.rows, again.rows)
    np.testing.assert_array_equal(planes.labels[order], again.labels)
    np.testing.assert_array_equal(planes.orientations[order], again.orientations)


def test_a_leading_entry_of_rounding_size_does_not_turn_a_row_around() -> None:
    planes = merge_hyperplanes(np.array([[1e-17, 1.0], [-1e-17, 1.0], [0.0, -1.0]]))
    assert planes.labels.tolist() == [0, 0, 0]
    assert planes.orientations.tolist() == [1, 1, -1]
