"""How low the loss can be at any width, for networks of a given total size: Theorem 31.

For any numbers r_k, and for networks with ``sum_i ‖u_i‖_inf <= T``, the loss is at least
``(<r, y> - T phi)^2 / (n ‖r‖^2)`` with the largest ridge ``phi = max |sum_k r_k relu(<v, x_k>)|``
over ``‖v‖_inf <= 1``. The best r is the residual of the best network of that size, which is found
by adding the neuron at the largest ridge until both ends meet.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.effective import EffectiveProblem
from landscape.exact import round_down, vector
from landscape.parametrization import Parametrization
from landscape.probe import Ridge, steepest_ridge
from landscape.quadratic import minimize_quadratic
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace

__all__ = ["WidthFreeBound", "repeated_loss", "width_free_bound"]

Array = NDArray[np.float64]

#: Bits of the residuals from which a bound is computed: their sum is zero exactly.
BITS = 45


@dataclass(frozen=True, eq=False)
class WidthFreeBound:
    """What networks of any width have at least, by their total size T.

    No network with ``sum_i ‖u_i‖_inf <= totals[k]`` has a loss below ``lower[k]``, and
    ``networks[k]`` is one of loss ``upper[k]``, in product coordinates (rows u_i, signs, offset).
    """

    totals: Array  #: Values of T, (k,).
    lower: Array  #: Mean squared errors (k,) that no network of that total size is below.
    upper: Array  #: Mean squared errors (k,) of ``networks``.
    networks: list[Parametrization]  #: One per total size, of as many neurons as it takes.
    #: What no function at all is below: targets of equal inputs that differ.
    repeated: float
    method: str  #: How the largest ridges were found: "vertices" or "milp".
    tolerance: float  #: The largest error of ``ridges``.
    residuals: Array  #: (k, n), from which ``lower`` follows.
    ridges: Array  #: Upper bounds (k,) on the largest ridges of these residuals.
    y: Array = field(repr=False)  #: The targets, (n,).

    def at(self, total: float) -> float:
        """The bound at any other total size: every r gives a curve, and the highest counts.

        Examples
        --------
        >>> from landscape.spaces import UnrestrictedSpace
        >>> space = UnrestrictedSpace(2, 2, offset=True)
        >>> found = width_free_bound(
        ...     [[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0], space=space, totals=[1]
        ... )
        >>> found.at(0.5) > found.at(1.0) == float(found.lower[0]), found.at(9.0)
        (True, 0.0)
        """
        found = zip(self.residuals, self.ridges, strict=True)
        return max(self.repeated, *(_bound(r, self.y, phi, total) for r, phi in found))


def width_free_bound(
    features: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    totals: ArrayLike,
    max_rounds: int = 100,
    tolerance: float = 1e-6,
    node_limit: int = 200,
) -> WidthFreeBound:
    """Bounds of the mean squared error for networks of any width with limited total size.

    Parameters
    ----------
    features, y : array_like of shapes (n, p) and (n,)
    space : Space
        Its inputs, bounds of directions (N*), and whether there is a free offset; not its width.
    totals : array_like of shape (k,)
        Largest ``sum_i ‖u_i‖_inf``, >= 0, in the units of features and targets; offsets are free.
    max_rounds : int
        Neurons that are added for each total.
    tolerance : float
        Where both ends agree up to this share of the targets' mean square no more are added.
    node_limit : int
        With more than three features: of the mixed-integer programs for the largest ridge.

    Returns
    -------
    bound : WidthFreeBound
        ``lower`` is valid up to the stated tolerances of the ridges, which are charged.

    Raises
    ------
    ValueError
        If the data do not fit the space, or a total is negative or not finite.

    Examples
    --------
    >>> from landscape.spaces import UnrestrictedSpace
    >>> space = UnrestrictedSpace(2, 2, offset=True)
    >>> x, y = [[-1.0], [0.0], [1.0]], [1.0, 0.0, 1.0]
    >>> found = width_free_bound(x, y, space=space, totals=[0, 1, 2])
    >>> [round(float(low), 4) for low in found.lower]
    [0.2222, 0.0556, 0.0]
    """
    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    EffectiveProblem.over(space, x, target)  # complains about data that do not fit
    sizes = np.atleast_1d(np.asarray(totals, dtype=float))
    if sizes.ndim != 1 or not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise ValueError(f"totals: expected finite numbers >= 0, got {totals!r}")
    program = _Program(space.embed(x), target, space, node_limit)
    found = {total: program.solve(total, max_rounds, tolerance) for total in np.sort(sizes)}
    residuals, ridges = program.known()
    repeated = repeated_loss(x, target)
    bound = WidthFreeBound(
        totals=sizes,
        lower=np.zeros(len(sizes)),
        upper=np.array([found[total][0] for total in sizes]),
        networks=[found[total][1] for total in sizes],
        repeated=repeated,
        method=", ".join(sorted(program.methods)),
        tolerance=program.tolerance,
        residuals=residuals,
        ridges=ridges,
        y=target,
    )
    bound.lower[:] = [bound.at(total) for total in sizes]
    return bound


def repeated_loss(x: Array, y: Array) -> float:
    """The mean square about the means of targets at equal inputs, rounded down.

    Examples
    --------
    >>> round(repeated_loss(np.array([[1.0], [1.0], [2.0]]), np.array([0.0, 1.0, 5.0])), 6)
    0.166667
    """
    label = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    total = Fraction(0)
    for k in np.flatnonzero(np.bincount(label) > 1):
        own = vector(y[label == k].tolist())
        total += sum(p * p for p in own) - sum(own) ** 2 / Fraction(len(own))
    return round_down(total / len(y))


class _Program:
    """Least squares over the neurons that were found so far, for one total after the other."""

    def __init__(self, X: Array, y: Array, space: Space, node_limit: int) -> None:
        self.X, self.y, self.node_limit = X, y, node_limit
        self.positive = isinstance(space, RestrictedSpace)
        self.offset = isinstance(space, UnrestrictedSpace) and space.offset
        self.column = np.maximum(X[:, -1], 0.0)
        self.directions, self.signs = np.empty((0, X.shape[1])), np.empty(0)
        self.columns = np.empty((0, len(y)))
        self.pairs: list[tuple[Array, float]] = []
        self.methods, self.tolerance = set[str](), 0.0

    def known(self) -> tuple[Array, Array]:
        """All residuals (k, n) whose largest ridges (k,) were found."""
        return np.array([r for r, _ in self.pairs]), np.array([phi for _, phi in self.pairs])

    def solve(self, total: float, rounds: int, tolerance: float) -> tuple[float, Parametrization]:
        """Add neurons until both ends for a total meet; the upper end, and its network."""
        n, enough = len(self.y), tolerance * float(self.y @ self.y) / len(self.y)
        upper, lower, best = np.inf, 0.0, np.zeros(0)
        for _ in range(rounds):
            weights, offset = self._fit(total)
            rest = self.y - weights @ self.columns - offset * self.column
            if float(rest @ rest) / n < upper:
                upper, best, level = float(rest @ rest) / n, weights, offset
            if not rest.any():
                break
            r = self._balanced(rest)
            ridge = self._ridge(r)
            lower = max(lower, _bound(r, self.y, self.pairs[-1][1], total))
            if upper - lower <= enough:
                break
            self.directions = np.vstack([self.directions, ridge.direction])
            self.signs = np.append(self.signs, ridge.sign)
            own = np.maximum(self.X @ ridge.direction, 0.0)
            self.columns = np.vstack([self.columns, ridge.sign * own])
        used = np.flatnonzero(best > 0)
        rows, signs = self.directions[used] * best[used, None], self.signs[used]
        if self.offset:
            rows = np.vstack([rows, np.eye(self.X.shape[1])[-1]])
            signs = np.append(signs, level)
        return upper, Parametrization(rows, signs)

    def _fit(self, total: float) -> tuple[Array, float]:
        """Weights >= 0 with a limited sum, and the offset."""
        k = len(self.columns)
        rows = np.vstack([self.columns, self.column]) if self.offset else self.columns
        if len(rows) == 0:
            return np.empty(0), 0.0
        scale = float(np.abs(self.y).max()) or 1.0
        sizes = np.maximum(np.linalg.norm(rows, axis=1), 1e-300)
        units, share = rows / sizes[:, None], sizes[:k].max(initial=1.0)
        # in units where columns have norm one, and targets are of size one
        limits = np.vstack(
            [-np.eye(len(rows))[:k], np.append(share / sizes[:k], np.zeros(len(rows) - k))]
        )
        right = np.append(np.zeros(k), total * share / scale)
        x = minimize_quadratic(np.triu(units @ units.T), -units @ self.y / scale, limits, right)[0]
        x = scale * x / sizes
        weights = np.maximum(x[:k], 0.0)
        weights *= min(1.0, total / weights.sum()) if weights.sum() > 0 else 1.0
        level = 0.0
        if self.offset:
            rest = self.y - weights @ self.columns
            level = float(self.column @ rest / (self.column @ self.column))
        return weights, level

    def _balanced(self, rest: Array) -> Array:
        """Nearly the same residuals; with an offset they sum to zero, exactly."""
        if not self.offset:
            return rest
        unit = 2.0 ** (np.frexp(np.abs(rest).max())[1] - BITS)
        steps = [round(p) for p in (rest / unit).tolist()]
        steps[0] -= sum(steps)
        return np.array(steps, dtype=float) * unit

    def _ridge(self, r: Array) -> Ridge:
        ridge = steepest_ridge(self.X, -r, positive=self.positive, node_limit=self.node_limit)
        self.pairs.append((r, ridge.upper + ridge.tolerance))
        self.methods.add(ridge.method)
        self.tolerance = max(self.tolerance, ridge.tolerance)
        return ridge


def _bound(r: Array, y: Array, phi: float, total: float) -> float:
    """``(<r, y> - T phi)_+^2 / (n ‖r‖^2)``, rounded down."""
    own, values = vector(r.tolist()), vector(y.tolist())
    gain = sum(p * q for p, q in zip(own, values, strict=True)) - Fraction(total) * Fraction(phi)
    return round_down(gain**2 / sum(p * p for p in own) / len(y)) if gain > 0 else 0.0
