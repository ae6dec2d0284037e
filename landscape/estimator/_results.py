"""From the ends of the starts to what `fit` reports: the best one, layers, radii, lines."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from landscape.errors import NUMERICAL_ERRORS
from landscape.estimator._starts import End, FitData
from landscape.estimator._units import Units, to_rows
from landscape.minima import Certificate
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.stationarity import Verdict

__all__ = ["better", "layers", "line", "n_positive_of", "realization_radius", "single_target"]

Array = NDArray[np.float64]


def single_target(y: Array) -> Array:
    """``y`` as a vector, or an error that says what to do."""
    if y.ndim == 1:
        return np.asarray(y, dtype=float)
    if y.shape[1] > 1:
        raise ValueError(
            f"y: ShallowReLURegressor fits one target, got {y.shape[1]}. Wrap it to fit one "
            "network for each: sklearn.multioutput.MultiOutputRegressor(ShallowReLURegressor())."
        )
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of "
        "y to (n_samples, ), for example using ravel().",
        DataConversionWarning,
        stacklevel=4,
    )
    return np.asarray(y[:, 0], dtype=float)


def better(end: End, other: End, tie: float) -> bool:
    """Certified minima before everything else, then the smaller loss, then the earlier start."""
    certified, has_been = (
        candidate.row["verdict"] == Verdict.HOLDS.value for candidate in (end, other)
    )
    if certified != has_been:
        return bool(certified)
    return bool(end.row["loss"] < other.row["loss"] - tie)


def n_positive_of(theta: Parametrization, space: Space) -> int:
    """Positive output weights, without that of an offset."""
    signs = theta.signs
    if isinstance(space, UnrestrictedSpace):
        signs = signs[:-1]
    return int((signs > 0).sum())


def layers(theta: Parametrization, space: Space, units: Units) -> tuple[list[Array], list[Array]]:
    """Weights and biases of the data's units in scikit-learn's layout, arrays to write to."""
    rows, c, e = units.outward(*to_rows(theta, space))
    return (
        [rows[:, :-1].T.copy(), c[:, None].copy()],
        [rows[:, -1].copy(), np.array([e], dtype=float)],
    )


def realization_radius(certificate: Certificate, theta: Parametrization, problem: FitData) -> float:
    """Radius in W^{1,inf} of the realization as a minimum of the loss on R(space)."""
    space = problem.space
    if (
        not certificate.is_minimum
        or isinstance(space, UnrestrictedSpace)
        or problem.gradients is not None  # other losses than those of values
    ):
        return float("nan")
    if certificate.kind == "global":
        return float("inf")
    if certificate.violations:  # on the border (C.2), where Proposition 1.2 says nothing
        return float("nan")
    radius = float("nan")
    if isinstance(space, RestrictedSpace):
        radius = certificate.radius**2 / 8
    if problem.penalty is not None:  # rescaled neurons are compared by their errors alone
        return radius
    rigid = rigidity_radius(theta) * (1 - 1e-9)
    if rigid > 0 and not radius >= rigid:
        try:
            probe = probe_realization(theta, problem.X, problem.y, radius=rigid, space=space)
        except NUMERICAL_ERRORS:  # out of reach: the other one stays
            return radius
        if probe.verdict is Verdict.HOLDS:
            return rigid
    return radius


def line(row: dict[str, Any]) -> str:
    """What `verbose` prints of a start."""
    return (
        f"start {row['start']} ({row['origin']}, {row['n_positive']} positive): "
        f"loss {row['loss_start']:.6g} -> {row['loss_trained']:.6g} -> {row['loss']:.6g}, "
        f"{row['outcome']}, {row['verdict']} after {row['n_iter']} line searches"
    )
