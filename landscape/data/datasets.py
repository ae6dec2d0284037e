"""What a data set is: finite features and targets, and how they were standardized."""

from __future__ import annotations

import hashlib
import json
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError

Array = NDArray[np.float64]


class DataError(LandscapeError, ValueError):
    """Data that cannot be studied; the message says where, what was found and what to do."""


def is_constant(column: Array) -> bool:
    """Whether numbers are the same up to rounding: four units in the last place of the largest.

    Examples
    --------
    >>> is_constant(np.array([0.3, 0.1 + 0.2])), is_constant(np.array([0.3, 0.3 + 1e-14]))
    (True, False)
    """
    half = column / 2  # whose differences stay within the range of numbers
    return bool(np.ptp(half) <= 4 * np.finfo(float).eps * np.abs(half).max())


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples ``(x^k, y^k)`` as the study sees them.

    Parameters
    ----------
    name : str
        Name in the config.
    features, target : array_like of shapes (n, d) and (n,)
    feature_names : sequence of str, optional
        ``x1, ..., xd`` if not given.
    target_name : str
    metadata : dict, optional
        Where the data come from, and their standardization; JSON values only.

    Raises
    ------
    DataError
        If shapes do not fit, a value is not finite, the target is constant, or there are fewer
        than d + 2 samples: an affine function would interpolate them.
    """

    name: str
    features: Array
    target: Array
    _: KW_ONLY
    feature_names: tuple[str, ...] = ()
    target_name: str = "y"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name, x = self.name, np.array(self.features, dtype=float, order="C")
        y = np.array(self.target, dtype=float)
        if x.ndim != 2 or x.shape[1] == 0:
            raise DataError(f"{name}: features need shape (n, d) with d > 0, got {x.shape}")
        if y.shape != (len(x),):
            raise DataError(f"{name}: target needs shape ({len(x)},), got {y.shape}")
        names = tuple(self.feature_names or (f"x{i + 1}" for i in range(x.shape[1])))
        if len(names) != x.shape[1]:
            raise DataError(f"{name}: {x.shape[1]} features but {len(names)} feature names")
        if len(x) < x.shape[1] + 2:
            raise DataError(
                f"{name}: {len(x)} samples of {x.shape[1]} features are interpolated by an affine "
                f"function; give at least {x.shape[1] + 2} samples or use fewer features"
            )
        for label, column in [*zip(names, x.T, strict=True), (self.target_name, y)]:
            for k in np.flatnonzero(~np.isfinite(column)):
                raise DataError(f"{name}: sample {k}, column {label!r} is {column[k]}; remove it")
        if is_constant(y):
            raise DataError(
                f"{name}: target {self.target_name!r} is constant ({y[0]:g}); choose another target"
            )
        x.setflags(write=False)
        y.setflags(write=False)
        # A frozen dataclass has no other way to convert its fields.
        metadata = dict(self.metadata or {})
        vars(self).update(features=x, target=y, feature_names=names, metadata=metadata)

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return len(self.features)

    @property
    def n_features(self) -> int:
        """Number of features, d without the inputs that a space adds."""
        return self.features.shape[1]

    @property
    def digest(self) -> str:
        """Digest of names and values: what was made from other data has another one."""
        names = json.dumps([self.feature_names, self.target_name, self.features.shape])
        content = names.encode() + self.features.tobytes() + self.target.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, n_samples={self.n_samples}, n_features={self.n_features})"


def standardize(dataset: Dataset, *, features: bool = True, target: bool = True) -> Dataset:
    """Shift and scale to mean 0 and (population) standard deviation 1; record by how much.

    The original values are ``values * scale + mean``. What is not standardized is recorded with
    mean 0 and scale 1, in ``metadata["standardization"]``: ``{"features": {"means", "scales"},
    "target": {"mean", "scale"}}``.

    Raises
    ------
    DataError
        If a feature is constant.

    Examples
    --------
    >>> data = standardize(Dataset("line", [[0.0], [2.0], [4.0]], [1.0, 1.0, 4.0]))
    >>> data.metadata["standardization"]["target"]
    {'mean': 2.0, 'scale': 1.4142135623730951}
    """
    for i in np.flatnonzero([features and is_constant(column) for column in dataset.features.T]):
        raise DataError(
            f"{dataset.name}: feature {dataset.feature_names[i]!r} is constant "
            f"({dataset.features[0, i]:g}) and cannot be standardized; leave it out"
        )
    x, means, scales = _standardized(dataset.features, features)
    y, mean, scale = _standardized(dataset.target, target)
    record = {
        "features": {"means": means.tolist(), "scales": scales.tolist()},
        "target": {"mean": float(mean), "scale": float(scale)},
    }
    metadata = {**dataset.metadata, "standardization": record}
    return replace(dataset, features=x, target=y, metadata=metadata)


def _standardized(values: Array, wanted: bool) -> tuple[Array, Array, Array]:
    """Values with mean 0 and standard deviation 1, per column, and what both were.

    In units of a power of two near the largest value, so that no square leaves the range of
    numbers; but for that, the same bits as without them.
    """
    if not wanted:
        return values, np.zeros(values.shape[1:]), np.ones(values.shape[1:])
    exponents = np.frexp(np.abs(values).max(axis=0))[1]
    plain = np.ldexp(values, -exponents)
    means, scales = plain.mean(axis=0), plain.std(axis=0)
    return (plain - means) / scales, np.ldexp(means, exponents), np.ldexp(scales, exponents)
