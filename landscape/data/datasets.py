"""What a data set is, and how it is standardized."""

import hashlib
import json
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np

from landscape.data.columns import Array, is_constant
from landscape.data.files import DataError, check


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples ``(x^k, y^k)`` as the study sees them.

    DataError if shapes do not fit, a value is not finite, the target is constant, or there are
    fewer than d + 2 samples: an affine function would interpolate them.
    """

    name: str  #: In the config.
    features: Array  #: Of shape (n, d).
    target: Array  #: Of shape (n,).
    _: KW_ONLY
    feature_names: tuple[str, ...] = ()  #: ``x1, ..., xd`` if not given.
    target_name: str = "y"
    #: Where the data come from, and their standardization; JSON values only.
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name, x = self.name, np.array(self.features, dtype=float, order="C")
        y = np.array(self.target, dtype=float)
        shaped = x.ndim == 2 and x.shape[1] > 0
        check(shaped, name, f"features need shape (n, d) with d > 0, got {x.shape}")
        n, d = x.shape
        check(y.shape == (n,), name, f"target needs shape ({n},), got {y.shape}")
        names = tuple(self.feature_names or (f"x{i + 1}" for i in range(d)))
        check(len(names) == d, name, f"{d} features but {len(names)} feature names")
        few = f"{n} samples of {d} features are interpolated by an affine function"
        least = f"give at least {d + 2} samples or use fewer features"
        check(n >= d + 2, name, f"{few}; {least}")
        for label, column in [*zip(names, x.T, strict=True), (self.target_name, y)]:
            for k in np.flatnonzero(~np.isfinite(column)):
                raise DataError(f"{name}: sample {k}, column {label!r} is {column[k]}; remove it")
        fixed = f"target {self.target_name!r} is constant ({y[0]:g})"
        check(not is_constant(y), name, f"{fixed}; choose another target")
        x.flags.writeable = y.flags.writeable = False
        metadata = dict(self.metadata or {})  # a frozen dataclass converts its fields like this
        vars(self).update(features=x, target=y, feature_names=names, metadata=metadata)

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return len(self.features)

    @property
    def n_features(self) -> int:
        """Number of features, d without the inputs that a space adds."""
        return self.features.shape[1]

    def columns(self) -> list[tuple[str, Array]]:
        """All columns with their names, the target last."""
        named = zip(self.feature_names, self.features.T, strict=True)
        return [*named, (self.target_name, self.target)]

    def unusual(self) -> list[str]:
        """Sentences on columns of another size than solvers are made for."""
        sizes = ((name, float(column.std())) for name, column in self.columns())
        return [
            f"{self.name}: column {name!r} has standard deviation {size:.3g}; solvers, made for "
            "sizes near 1, may fail: set `standardize` to both"
            for name, size in sizes
            if not 1e-3 <= size <= 1e3
        ]

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
    "target": {"mean", "scale"}}``. DataError if a feature is constant.

    Examples
    --------
    >>> data = standardize(Dataset("line", [[0.0], [2.0], [4.0]], [1.0, 1.0, 4.0]))
    >>> data.metadata["standardization"]["target"]
    {'mean': 2.0, 'scale': 1.4142135623730951}
    """
    for name, column in zip(dataset.feature_names, dataset.features.T, strict=True):
        fixed = f"feature {name!r} is constant ({column[0]:g}) and cannot be standardized"
        check(not (features and is_constant(column)), dataset.name, f"{fixed}; leave it out")
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
