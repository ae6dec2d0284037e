"""Convex losses of the realization's values: value, derivative, curvature, with error bounds.

``L = (1/n) sum_k w_k l_k(R(x_k))`` with l_k convex: Theorem 26 says what of the mean squared error
carries over, Theorem 29 what is left of it where l_k has a kink. A loss is first put
:meth:`Loss.on` targets. From there on it is a function of ``r_k = R(x_k) - y_k``, or of ``r_k =
R(x_k)`` where it is none of differences. Half the derivative, ``s_k``, stands where the squared
loss has the residual itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from landscape.rounding import Array, Bounded, gamma

__all__ = [
    "LOSSES", "AbsoluteLoss", "HingeLoss", "HuberLoss", "KinkedLoss", "LogisticLoss", "Loss",
    "PinballLoss", "PoissonLoss", "QuantileLoss", "SquaredLoss", "WeightDecay", "get_loss",
    "get_weight_decay", "needs_loss", "objective_name", "objective_of",
]  # fmt: skip

#: Relative errors of numpy's exp, log and log1p, and what is computed from them: 16 units in the
#: last place, many times what they document; tests/test_losses.py compares with Arb balls.
LIBRARY = 2.0**-48


@dataclass(frozen=True)
class Loss(ABC):
    """A convex loss of one sample, and once it is ``on`` targets, of all of them."""

    name: ClassVar[str]
    #: Whether the loss is a function of ``R(x_k) - y_k``, zero at zero.
    of_residuals: ClassVar[bool] = True
    #: Whether it is piecewise quadratic with rational coefficients: then minima can be proved.
    rational: ClassVar[bool] = False
    #: In another unit of values and targets the loss is the same one times this power of it.
    degree: ClassVar[int] = 0
    #: Parameters that have the unit of the targets.
    lengths: ClassVar[tuple[str, ...]] = ()
    #: Targets (n,), once it is ``on`` them.
    labels: Array | None = field(default=None, kw_only=True, repr=False, compare=False)
    #: Sample weights (n,) of mean one, if there are any.
    weights: Array | None = field(default=None, kw_only=True, repr=False, compare=False)
    #: Weights as they were given, before they were divided by their mean, and rounded.
    given: Array | None = field(default=None, kw_only=True, repr=False, compare=False)

    def on(self, y: Array, sample_weight: ArrayLike | None = None) -> tuple[Array, Loss]:
        """What is subtracted from the network's values (n,), and the loss of the difference r.

        Weights are divided by their mean, or a ValueError.
        """
        y = np.asarray(y, dtype=float)
        weights = given = None
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=float)
            if weights.shape != y.shape:
                raise ValueError(f"sample_weight: expected shape {y.shape}, got {weights.shape}")
            if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
                raise ValueError("sample_weight: expected finite weights >= 0, not all zero")
            given, weights = weights, weights / weights.mean()
        labels = self._labels(y)
        targets = y if self.of_residuals else np.zeros_like(y)
        return targets, replace(self, labels=labels, weights=weights, given=given)

    def in_units(self, unit: float) -> Loss:
        """The loss of what is divided by ``unit``, itself divided by ``unit**degree``."""
        return replace(self, **{name: getattr(self, name) / unit for name in self.lengths})

    def mean(self, values: Array) -> Array:
        """The target that the network's values (n,) stand for: themselves, where there is no link.

        Of the logistic loss the probability of label 1, of the Poisson loss the mean.
        """
        return values

    def value(self, r: Array) -> Array:
        """``w_k l_k``, shape (n,)."""
        with np.errstate(over="ignore"):  # then infinite
            return self._weighted(self._value(r))

    def half_slope(self, r: Array) -> Array:
        """``s_k = w_k l_k' / 2``, shape (n,)."""
        with np.errstate(over="ignore"):  # then infinite
            return self._weighted(self._half_slope(r))

    def half_curvature(self, r: Array) -> Array:
        """``w_k l_k'' / 2``, one of the one-sided ones where it jumps, shape (n,)."""
        with np.errstate(over="ignore"):  # then infinite
            return self._weighted(self._half_curvature(r))

    def bounded(self, r: Bounded) -> tuple[Bounded, Bounded]:
        """Values and half slopes with error bounds: slopes are monotone, values are convex."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            away = np.nextafter(r.error, np.inf) * (r.error > 0)
            ends = [np.nextafter(r.value - away, -np.inf), np.nextafter(r.value + away, np.inf)]
            s, low, high = (self._half_slope(x) for x in (r.value, *ends))
            values = self._value(r.value)
            errors = [self._errors(x) for x in (r.value, *ends)]
            rounding = np.max([error[1] for error in errors], axis=0)
            moved = np.where(r.error > 0, np.maximum(high - s, s - low), 0.0)
            slopes = Bounded(s, (moved + 2 * rounding) * (1 + 1e-12))
            steepest = np.maximum(np.abs(low), np.abs(high)) + rounding
            error = (2 * r.error * steepest + errors[0][0]) * (1 + 1e-12)
        if self.weights is None:
            return Bounded(values, error), slopes
        # The weights were divided by their mean, and rounded.
        parts = [part * self.weights for part in (Bounded(values, error), slopes)]
        share = gamma(self.weights.size)
        loss, slope = (Bounded(p.value, p.error + share * np.abs(p.value)) for p in parts)
        return loss, slope

    @cached_property
    def _exact_weights(self) -> list[Fraction]:
        """Weights divided by their mean, in rationals; none where all are 1."""
        given = [] if self.given is None else [Fraction(w) for w in self.given.tolist()]
        total = sum(given, Fraction(0))
        return [w * len(given) / total for w in given]

    def exactly(self, k: int, r: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """Value, half slope and half curvature of sample k in rationals, of ``rational`` losses."""
        weight = self._exact_weights[k] if self._exact_weights else Fraction(1)
        value, slope, curvature = self._exactly(r)
        return weight * value, weight * slope, weight * curvature

    def _exactly(self, r: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        raise NotImplementedError(f"the {self.name} loss is not rational")

    def _weighted(self, values: Array) -> Array:
        return values if self.weights is None else self.weights * values

    @property
    def _known(self) -> Array:
        assert self.labels is not None, "the loss is not on targets"
        return self.labels

    def _labels(self, y: Array) -> Array | None:
        """What the loss keeps of the targets, or a ValueError for such as it has no value for."""
        return None

    @abstractmethod
    def _value(self, r: Array) -> Array: ...

    @abstractmethod
    def _half_slope(self, r: Array) -> Array: ...

    @abstractmethod
    def _half_curvature(self, r: Array) -> Array: ...

    @abstractmethod
    def _errors(self, r: Array) -> tuple[Array, Array]:
        """Bounds of what evaluating values and half slopes at the floats r loses."""


@dataclass(frozen=True)
class SquaredLoss(Loss):
    """``r^2``, (6)."""

    name = "squared"
    rational = True
    degree = 2

    def _exactly(self, r: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        return r * r, r, Fraction(1)

    def _value(self, r: Array) -> Array:
        return r * r

    def _half_slope(self, r: Array) -> Array:
        return r

    def _half_curvature(self, r: Array) -> Array:
        return np.ones_like(r)

    def _errors(self, r: Array) -> tuple[Array, Array]:
        return gamma(1) * r * r + 5e-324, np.zeros_like(r)


@dataclass(frozen=True)
class HuberLoss(Loss):
    """``r^2`` up to ``|r| = delta``, ``2 delta |r| - delta^2`` beyond.

    As in scikit-learn's HuberRegressor, where delta is epsilon sigma.

    Examples
    --------
    >>> HuberLoss(2.0).value(np.array([1.0, 3.0]))
    array([1., 8.])
    """

    delta: float = 1.0  #: Where it becomes linear; positive, in the unit of the targets.
    name = "huber"
    rational = True
    degree = 2
    lengths = ("delta",)

    def __post_init__(self) -> None:
        _require_positive("delta", self.delta)

    def _exactly(self, r: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        return _clipped(r, Fraction(self.delta), Fraction(1))

    def _value(self, r: Array) -> Array:
        s = self._half_slope(r)
        return s * (2 * r - s)

    def _half_slope(self, r: Array) -> Array:
        return np.clip(r, -self.delta, self.delta)

    def _half_curvature(self, r: Array) -> Array:
        return np.asarray(np.abs(r) <= self.delta, dtype=float)

    def _errors(self, r: Array) -> tuple[Array, Array]:
        return gamma(2) * self._value(r) + 5e-324, np.zeros_like(r)


@dataclass(frozen=True)
class QuantileLoss(Loss):
    """The pinball loss for the quantile tau, smoothed where ``|r| <= width``.

    ``q r^2 / (2 width)`` there and ``q (|r| - width / 2)`` beyond, where q is tau for values below
    the target (r < 0), and 1 - tau above.

    Examples
    --------
    >>> QuantileLoss(0.75, width=0.5).value(np.array([-1.0, 1.0]))
    array([0.5625, 0.1875])
    """

    tau: float = 0.5  #: The quantile, in (0, 1).
    width: float = 0.1  #: Half the width of its smooth part, in the unit of the targets.
    name = "quantile"
    rational = True
    degree = 1
    lengths = ("width",)

    def __post_init__(self) -> None:
        _require_share("tau", self.tau)
        _require_positive("width", self.width)

    def _exactly(self, r: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        tau, width = Fraction(self.tau), Fraction(self.width)
        return _clipped(r, width, (tau if r < 0 else 1 - tau) / (2 * width))

    def _factors(self, r: Array) -> Array:
        return np.where(r < 0, self.tau, 1 - self.tau) / (2 * self.width)

    def _value(self, r: Array) -> Array:
        s = np.clip(r, -self.width, self.width)
        return self._factors(r) * (s * (2 * r - s))

    def _half_slope(self, r: Array) -> Array:
        return self._factors(r) * np.clip(r, -self.width, self.width)

    def _half_curvature(self, r: Array) -> Array:
        return self._factors(r) * (np.abs(r) <= self.width)

    def _errors(self, r: Array) -> tuple[Array, Array]:
        slopes = gamma(3) * np.abs(self._half_slope(r)) + 5e-324
        return gamma(6) * self._value(r) + 5e-324, slopes


@dataclass(frozen=True)
class LogisticLoss(Loss):
    """``log(1 + exp(-l R))`` for labels l in {-1, 1}, or {0, 1}: R is the log odds of label 1.

    Examples
    --------
    >>> _, loss = LogisticLoss().on(np.array([0.0, 1.0]))
    >>> loss.value(np.array([0.0, 800.0]))
    array([0.69314718, 0.        ])
    """

    name = "logistic"
    of_residuals = False

    def _labels(self, y: Array) -> Array:
        return _signs(y)

    def mean(self, values: Array) -> Array:
        """Probability of label 1."""
        return np.asarray(np.exp(-np.logaddexp(0.0, -values)))

    def _value(self, r: Array) -> Array:
        margins = self._known * r
        return np.log1p(np.exp(-np.abs(margins))) + np.maximum(-margins, 0.0)

    def _half_slope(self, r: Array) -> Array:
        margins = self._known * r
        small = np.exp(-np.abs(margins))
        return -0.5 * self._known * np.where(margins > 0, small, 1.0) / (1.0 + small)

    def _half_curvature(self, r: Array) -> Array:
        small = np.exp(-np.abs(r))
        return 0.5 * small / (1.0 + small) ** 2

    def _errors(self, r: Array) -> tuple[Array, Array]:
        values, slopes = self._value(r), np.abs(self._half_slope(r))
        return LIBRARY * values + 1e-322, LIBRARY * slopes + 1e-322


@dataclass(frozen=True)
class PoissonLoss(Loss):
    """Half the Poisson deviance, log link: ``exp(R) - y R + y log(y) - y`` for targets y >= 0.

    Examples
    --------
    >>> _, loss = PoissonLoss().on(np.array([0.0, 1.0]))
    >>> loss.value(np.array([0.0, 0.0]))
    array([1., 0.])
    """

    name = "poisson"
    of_residuals = False

    def _labels(self, y: Array) -> Array:
        if not (y >= 0).all():
            raise ValueError(f"y: expected targets >= 0 for the Poisson loss, got {y.min()!r}")
        return y

    def mean(self, values: Array) -> Array:
        """Mean of the target."""
        with np.errstate(over="ignore"):  # then infinite
            return np.asarray(np.exp(values))

    def _constant(self) -> Array:
        y = self._known
        return np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)) - y, 0.0)

    def _value(self, r: Array) -> Array:
        return np.exp(r) - self._known * r + self._constant()

    def _half_slope(self, r: Array) -> Array:
        return 0.5 * (np.exp(r) - self._known)

    def _half_curvature(self, r: Array) -> Array:
        return 0.5 * np.exp(r)

    def _errors(self, r: Array) -> tuple[Array, Array]:
        terms = np.exp(r) + self._known
        constant = np.abs(self._constant()) + self._known
        return LIBRARY * (terms + self._known * np.abs(r) + constant) + 1e-322, LIBRARY * terms


@dataclass(frozen=True)
class KinkedLoss(Loss):
    """A loss of two linear pieces: zero at its kink, falling before it or rising behind it."""

    rational = True

    @abstractmethod
    def _pieces(self) -> tuple[Array | float, Array | float, Array | float]:
        """Where the kink is, as a value of r, and the half slopes before and behind it."""

    def pieces(self) -> tuple[Array, Array, Array]:
        """Kinks, and half slopes before (at most 0) and behind them (at least 0), with weights."""
        n = 1 if self.labels is None else self.labels.size
        at, low, high = (np.broadcast_to(np.asarray(p, dtype=float), n) for p in self._pieces())
        return at, self._weighted(low), self._weighted(high)

    def exact_pieces(self, k: int) -> tuple[Fraction, Fraction, Fraction]:
        """The same of sample k in rationals."""
        weight = self._exact_weights[k] if self._exact_weights else Fraction(1)
        at, low, high = self._exact_pieces(k)
        return at, weight * low, weight * high

    def _exact_pieces(self, k: int) -> tuple[Fraction, Fraction, Fraction]:
        at, low, high = (np.ravel(p)[min(k, np.size(p) - 1)] for p in self._pieces())
        return Fraction(float(at)), Fraction(float(low)), Fraction(float(high))

    def _labels(self, y: Array) -> Array:
        return y

    def _value(self, r: Array) -> Array:
        at, low, high = self._pieces()
        return np.asarray(2 * (r - at) * np.where(r < at, low, high))

    def _half_slope(self, r: Array) -> Array:
        at, low, high = map(np.asarray, self._pieces())
        return np.where(r < at, low, np.where(r > at, high, (low + high) / 2))

    def _half_curvature(self, r: Array) -> Array:
        return np.zeros_like(r)

    def _errors(self, r: Array) -> tuple[Array, Array]:
        return gamma(4) * self._value(r) + 5e-324, gamma(1) * np.abs(self._half_slope(r))


@dataclass(frozen=True)
class AbsoluteLoss(KinkedLoss):
    """``|r|``: the minimum is a median.

    Examples
    --------
    >>> AbsoluteLoss().value(np.array([-2.0, 3.0]))
    array([2., 3.])
    """

    name = "absolute"
    degree = 1

    def _pieces(self) -> tuple[Array | float, Array | float, Array | float]:
        return 0.0, -0.5, 0.5


@dataclass(frozen=True)
class PinballLoss(KinkedLoss):
    """``tau |r|`` for values below the target (r < 0), ``(1 - tau) r`` above: the quantile tau.

    :class:`QuantileLoss` is the same, smoothed.

    Examples
    --------
    >>> PinballLoss(0.75).value(np.array([-1.0, 1.0]))
    array([0.75, 0.25])
    """

    tau: float = 0.5  #: The quantile, in (0, 1).
    name = "pinball"
    degree = 1

    def __post_init__(self) -> None:
        _require_share("tau", self.tau)

    def _pieces(self) -> tuple[Array | float, Array | float, Array | float]:
        return 0.0, -0.5 * self.tau, 0.5 * (1 - self.tau)

    def _exact_pieces(self, k: int) -> tuple[Fraction, Fraction, Fraction]:
        tau = Fraction(self.tau)  # 1 - tau may be rounded
        return Fraction(0), -tau / 2, (1 - tau) / 2


@dataclass(frozen=True)
class HingeLoss(KinkedLoss):
    """``max(0, 1 - l R)`` for labels l in {-1, 1}, or {0, 1}.

    Examples
    --------
    >>> _, loss = HingeLoss().on(np.array([0.0, 1.0]))
    >>> loss.value(np.array([0.5, 0.5]))
    array([1.5, 0.5])
    """

    name = "hinge"
    of_residuals = False

    def _labels(self, y: Array) -> Array:
        return _signs(y)

    def _pieces(self) -> tuple[Array | float, Array | float, Array | float]:
        positive = self._known > 0
        return self._known, np.where(positive, -0.5, 0.0), np.where(positive, 0.0, 0.5)


#: The losses by their names.
_SMOOTH: tuple[type[Loss], ...] = SquaredLoss, HuberLoss, QuantileLoss, LogisticLoss, PoissonLoss
_KINKED: tuple[type[Loss], ...] = AbsoluteLoss, PinballLoss, HingeLoss
LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (*_SMOOTH, *_KINKED)}


def get_loss(loss: str | Loss | None = None, **parameters: Any) -> Loss:
    """A loss by its name and parameters; a loss itself; None is the squared one.

    Examples
    --------
    >>> get_loss("huber", delta=1.35)
    HuberLoss(delta=1.35)
    """
    if isinstance(loss, Loss) and not parameters:
        return loss
    name = "squared" if loss is None else loss
    if not isinstance(name, str) or name not in LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(LOSSES)} or a Loss, got {loss!r}")
    try:
        return LOSSES[name](**parameters)
    except TypeError:
        raise ValueError(f"loss: {name!r} has no parameters {sorted(parameters)}") from None


def objective_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Loss and weight decay of a study's settings, as ``descend`` and others take them."""
    parameters = dict(settings["loss"])
    decay = WeightDecay(**settings["weight_decay"])
    loss = get_loss(parameters.pop("name"), **parameters)
    return {"loss": loss, "weight_decay": get_weight_decay(decay)}


def objective_name(loss: Loss, decay: WeightDecay | None = None) -> str:
    """A loss with its parameters and weight decay, for tables.

    Examples
    --------
    >>> objective_name(HuberLoss(1.35), WeightDecay(0.01, biases=True))
    'huber (delta 1.35), weight decay 0.01 (biases)'
    """
    own = [f.name for f in fields(loss) if not f.kw_only]
    given = ", ".join(f"{name} {getattr(loss, name):g}" for name in own)
    text = f"{loss.name} ({given})" if given else loss.name
    if decay is None:
        return text
    counted = ", ".join(part for part in ("biases", "offset") if getattr(decay, part))
    return f"{text}, weight decay {decay.strength:g}" + (f" ({counted})" if counted else "")


def needs_loss(loss: str | Loss | None, sample_weight: ArrayLike | None) -> bool:
    """Whether there is more to it than the mean squared error, which has its own arithmetic."""
    squared = loss is None or isinstance(get_loss(loss), SquaredLoss)
    return sample_weight is not None or not squared


@dataclass(frozen=True)
class WeightDecay:
    """``strength (sum ‖a_i‖_2^2 + sum c_i^2)``, as scikit-learn and torch mean it (Theorem 27).

    Rescaled to its least value it is ``2 strength sum_i |c_i| ‖a_i‖_2``. Biases (the last effective
    input) and the offset count if ``biases`` and ``offset`` say so. scikit-learn's ``alpha`` is
    ``WeightDecay(alpha / n)`` for MLPRegressor, whose loss is half the mean squared error, and
    ``WeightDecay(alpha / (2 n))`` for MLPClassifier; torch's ``weight_decay`` is
    ``WeightDecay(weight_decay / 2, biases=True, offset=True)`` of what the training minimizes.
    """

    strength: float = 0.0  #: The factor, at least 0.
    biases: bool = False  #: Whether biases count.
    offset: bool = False  #: Whether the offset counts.

    def __post_init__(self) -> None:
        if not 0 <= self.strength < np.inf:
            raise ValueError(f"weight_decay: expected a finite number >= 0, got {self.strength!r}")


def decay_rows(decay: WeightDecay, n_inputs: int, n_constant: int) -> Array:
    """The matrix (k, n_inputs) with ``‖rows u_i‖_2 = 2 strength ‖P u_i‖_2`` (Theorem 27).

    The last ``n_constant`` inputs are constants, for biases: of two, 1 and -1.
    """
    rows = np.eye(n_inputs)[: n_inputs - n_constant]
    if decay.biases and n_constant:
        bias = np.zeros(n_inputs)
        bias[n_inputs - n_constant :] = (1.0, -1.0)[:n_constant]
        rows = np.vstack([rows, bias])
    return 2.0 * decay.strength * rows


def get_weight_decay(decay: float | WeightDecay | None) -> WeightDecay | None:
    """A weight decay by its strength; None where there is none of it."""
    decay = WeightDecay(float(decay)) if isinstance(decay, int | float) else decay
    return None if decay is None or decay.strength == 0 else decay


def _require_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name}: expected a finite number > 0, got {value!r}")


def _clipped(r: Fraction, end: Fraction, factor: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Factor times ``r^2`` up to an end, its tangents beyond: value, half slope, half curvature."""
    s = max(-end, min(end, r))
    return factor * s * (2 * r - s), factor * s, factor * (abs(r) <= end)


def _require_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected a number between 0 and 1, got {value!r}")


def _signs(y: Array) -> Array:
    """Labels as -1 and 1."""
    if not (np.isin(y, [-1.0, 1.0]).all() or np.isin(y, [0.0, 1.0]).all()):
        wrong = next(v for v in y.tolist() if v not in (0.0, 1.0) or (-1.0 in y and v == 0.0))
        raise ValueError(f"y: expected labels in {{-1, 1}} or {{0, 1}}, got {wrong!r}")
    return np.where(y > 0, 1.0, -1.0)
