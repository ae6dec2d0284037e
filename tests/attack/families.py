"""Families of near-degenerate points, deterministic by seed.

Most start from an exact local minimum in small integers: u, kinks, their multipliers are chosen,
residuals follow as an integer vector that the stationarity conditions annihilate, and y from them.
What is done to it afterwards (roundings, perturbations, scales, further neurons and columns) gives
the family its name. ``truth`` says what is known by construction; the judge must agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf

import numpy as np

from landscape import (
    BalancedSpace,
    Parametrization,
    RestrictedSpace,
    UnrestrictedSpace,
    descend,
    realize,
)
from tests.attack.judge import crossings, kernel

Array = np.ndarray
Generator = np.random.Generator
Space = UnrestrictedSpace | BalancedSpace | RestrictedSpace
FAMILIES: dict[str, Callable[[Generator], "Instance"]] = {}
KINDS = ("N", "N'", "N*")


@dataclass(frozen=True)
class Instance:
    theta: Parametrization
    X: Array
    y: Array
    space: Space
    penalty: Array | None = None
    exact: bool = False
    truth: bool | None = None  # whether theta is a local minimum, where the construction knows it
    descended: bool = False  # whether theta is an end of descend that it calls a minimum

    def code(self) -> str:
        """The point as Python code."""
        array = lambda a: repr(np.asarray(a).tolist())  # noqa: E731
        names = "from landscape import *\nfrom math import inf\n"
        weights, outputs = array(self.theta.weights), array(self.theta.output_weights)
        options = "" if self.penalty is None else f", penalty={array(self.penalty)}"
        options += ", exact=True" if self.exact else ""
        return (
            f"{names}theta = Parametrization({weights}, {outputs})\n"
            f"X, y = {array(self.X)}, {array(self.y)}\n"
            f"print(certify_minimum(theta, X, y, space={self.space!r}{options}))"
        )


def family(make: Callable[[Generator], Instance]) -> Callable[[Generator], Instance]:
    FAMILIES[make.__name__.replace("_", " ")] = make
    return make


def neighbour(kind: str, d: int, m: int, *, margin: float = 0.0, bound: float = inf) -> Space:
    if kind == "N":
        return UnrestrictedSpace(d, m)
    return BalancedSpace(d, m) if kind == "N'" else RestrictedSpace(d, m, margin, bound)


def tiny(rng: Generator, low: float = -13.0, high: float = -6.0) -> float:
    return float(10.0 ** rng.uniform(low, high))


# --- exact minima --------------------------------------------------------------------------------


def minimum(
    rng: Generator,
    kind: str | None = None,
    *,
    d: int | None = None,
    m: int | None = None,
    kinks: int | None = None,
    off: float = 0.0,
    mixed: bool = False,
    margin: float | None = None,
    bound: bool = False,
    lifted: bool = False,
    offset: bool = False,
    penalized: bool = False,
    spare: int = 3,
) -> Instance:
    """An exact local minimum; ``off`` moves a multiplier out of [0, 1], ``mixed`` a kink's sign."""
    kind = kind or str(rng.choice(KINDS))
    for _ in range(200):
        found = _minimum(
            rng, kind, d, m, kinks, off, mixed, margin, bound, lifted, offset, penalized, spare
        )
        if found is not None:
            return found
    raise RuntimeError("no minimum was built")


def _minimum(rng, kind, d, m, kinks, off, mixed, margin, bound, lifted, offset, penalized, spare):
    d = d or int(rng.integers(2, 5))
    if lifted:
        d = max(d, 3)
    m = m or int(rng.integers(1, 4))
    restricted = kind == "N*"
    kinks = int(rng.integers(1, d + 1)) if kinks is None else kinks
    size = int(rng.choice([1, 4]))  # max|u|, so that c = sqrt(size) is exact
    U = rng.integers(-size, size + 1, size=(m, d))
    signs = rng.choice([-1, 1], size=m)
    for u in U:
        u[rng.integers(0, d - 2 if restricted and d > 2 else d)] = size * rng.choice([-1, 1])
        if restricted:
            u[-2:] = np.maximum(np.abs(u[-2:]), 1)
        if lifted:
            u[0] = rng.choice([-1, 1])
            u[-2:] = np.maximum(np.abs(u[-2:]), 1)
            if kind != "N" and np.abs(u).max() != size:
                u[-1] = size
    if any(np.abs(u).max() not in (1, 4) for u in U):
        return None
    if margin is None:
        margin = float(rng.choice([0.0, 0.125, 0.5])) if restricted else 0.0
    top = float(size) if bound else inf
    if top <= margin:
        return None
    rows, where = [], []  # samples, and the neuron on whose kink they are built
    n = m * d + spare + int(rng.integers(0, 4)) + (1 if offset else 0)
    for k in range(n):
        i = k // kinks if kinks and k < kinks * m else None
        x = rng.integers(-4, 5, size=d)
        if lifted:
            x[-2:] = 1, -1
            if i is not None:
                x[0] = 0
                x[0] = -U[i, 0] * int(U[i] @ x)
        elif i is not None:
            basis = np.array(kernel([U[i].tolist()], d), dtype=object)
            if not len(basis):
                return None
            x = rng.integers(-2, 3, size=len(basis)) @ basis
            x = np.array(x, dtype=int)
        rows.append(x)
    X = np.array(rows, dtype=int)
    Z = X @ U.T  # (n, m)
    multipliers = rng.choice(
        [0.25, 0.5, 0.75, 0.0, 1.0], p=[0.3, 0.3, 0.3, 0.05, 0.05], size=Z.shape
    )
    on = Z == 0
    moved = off != 0 and on.any()
    if moved:
        k, i = np.argwhere(on)[rng.integers(0, int(on.sum()))]
        multipliers[k, i] = -off if rng.random() < 0.5 else 1 + off
    W = np.where(Z > 0, 1.0, np.where(on, multipliers, 0.0))
    lower = np.zeros((m, d), bool)
    upper = np.zeros((m, d), bool)
    if restricted and margin > 0:
        lower[:, -2:] = margin == U[:, -2:]
    if restricted and bound:
        upper, low = top == U, -top == U
        lower |= low
    conditions, right, where = [], [], []
    prices = rng.integers(0, 3, size=d) if penalized else np.zeros(d, int)
    for i in range(m):
        for j in range(d):
            row = [Fraction(float(W[k, i])) * int(X[k, j]) for k in range(n)]
            where.append((i, j, row))
            if not (lower[i, j] or upper[i, j]):
                conditions.append(row)
                right.append(-Fraction(int(n * prices[j] * U[i, j] * signs[i])))
    if offset:
        conditions.append([Fraction(max(int(X[k, -1]), 0)) for k in range(n)])
        right.append(Fraction(0))
    table = [[*row, -r] for row, r in zip(conditions, right, strict=True)]
    common = (
        [[int(v * 2**60) for v in row] for row in table]
        if off
        else [[int(4 * v) for v in row] for row in table]
    )
    basis = (
        kernel(common, n + 1)
        if penalized
        else [[*v, 0] for v in kernel([r[:-1] for r in common], n)]
    )
    if not basis or (penalized and not any(b[-1] for b in basis)):
        return None
    B = np.array(basis, dtype=object)
    for _ in range(60):
        full = rng.integers(-2, 3, size=len(B)) @ B
        if penalized and full[-1] < 0:
            full = -full
        s, factor = full[:-1], int(full[-1])
        if (penalized and factor == 0) or not any(s):
            continue
        sigma = signs[None, :] * np.sign(np.array(s, dtype=float))[:, None]
        bad = on & (sigma < 0)
        if bool(bad.any()) != mixed:
            continue
        slope_signs = True
        for i, j, row in where:
            g = int(signs[i]) * sum(
                r * int(v) for r, v in zip(row, s, strict=True)
            ) + factor * n * int(prices[j] * U[i, j])
            if (lower[i, j] and g < 0) or (upper[i, j] and g > 0):
                slope_signs = False
        if not slope_signs or max(abs(int(v)) for v in s) > 2**40:
            continue
        c = np.sqrt(np.abs(U).max(axis=1)).astype(float)
        A = U / c[:, None]
        if kind == "N":
            t = 2.0 ** rng.integers(-3, 4, size=m)
            A, c = A * t[:, None], c / t
        R = (np.maximum(Z, 0) * signs).sum(axis=1)
        c = c * signs
        space: Space
        if offset:
            e = int(rng.integers(-2, 3))
            A, c = np.vstack([A, np.eye(d)[-1]]), np.append(c, e)
            R = R + e * np.maximum(X[:, -1], 0)
            space = UnrestrictedSpace(d, m + 1, offset=True)
        else:
            space = neighbour(kind, d, m, margin=margin, bound=top)
        y = np.array([float(int(r) - int(v)) for r, v in zip(R, s, strict=True)])
        known = None if mixed or moved else True
        return Instance(
            Parametrization(A, c), X.astype(float), y, space,
            penalty=factor * prices.astype(float) if penalized else None, truth=known,
        )  # fmt: skip
    return None


# --- changes -------------------------------------------------------------------------------------


def is_balanced(space: Space) -> bool:
    return isinstance(space, BalancedSpace)


def has_offset(space: Space) -> bool:
    return isinstance(space, UnrestrictedSpace) and space.offset


def shifted(x: Instance, rng: Generator, size: float) -> Instance:
    """The point moved by about ``size``, balanced again on N'; margins are respected."""
    theta, space = x.theta, x.space
    if is_balanced(space):
        u = theta.products * (1 + 0.0) + size * rng.normal(size=theta.weights.shape)
        if isinstance(space, RestrictedSpace):
            u[:, -2:] = np.maximum(u[:, -2:], space.margin if space.margin else 1e-300)
            u = np.clip(u, -space.bound, space.bound)
        return replace(
            x,
            theta=Parametrization.from_products(u, np.where(theta.output_weights < 0, -1, 1)),
            truth=None,
        )
    A = theta.weights + size * rng.normal(size=theta.weights.shape)
    c = theta.output_weights + size * rng.normal(size=theta.output_weights.shape)
    if has_offset(space):
        A[-1] = theta.weights[-1]
    return replace(x, theta=Parametrization(A, c), truth=None)


def rounded(x: Instance, rng: Generator) -> Instance:
    """The same products up to rounding: neurons rescaled on N, data and point rescaled on N'."""
    if is_balanced(x.space):
        return scaled(x, rng, float(rng.uniform(0.5, 2)), float(rng.uniform(0.5, 2)))
    t = rng.uniform(0.3, 3, size=x.space.n_neurons)
    if has_offset(x.space):
        t[-1] = 1
    theta = Parametrization(x.theta.weights * t[:, None], x.theta.output_weights / t)
    return replace(x, theta=theta, truth=None)


def scaled(
    x: Instance, rng: Generator, inputs: float, size: float, outputs: float = 1.0
) -> Instance:
    """Inputs and weights times numbers; targets follow. Exact for powers of two (4 on N')."""
    del rng
    space, theta = x.space, x.theta
    if has_offset(space):
        A = theta.weights.copy()
        A[:-1] *= size
        c = theta.output_weights.copy()
        c[:-1] *= outputs
        c[-1] *= outputs * size
        new = Parametrization(A, c)
        factor = inputs * size * outputs
    elif is_balanced(space):
        root = float(np.sqrt(size))
        new = Parametrization(theta.weights * root, theta.output_weights * root)
        factor = inputs * size
        if isinstance(space, RestrictedSpace):
            space = RestrictedSpace(
                space.n_inputs, space.n_neurons, space.margin * size, space.bound * size
            )
    else:
        new = Parametrization(theta.weights * size, theta.output_weights * outputs)
        factor = inputs * size * outputs
    penalty = None if x.penalty is None else x.penalty * inputs**2
    return replace(
        x, theta=new, X=x.X * inputs, y=x.y * factor, space=space, penalty=penalty, truth=None
    )


def with_neurons(x: Instance, weights: Array, outputs: Array) -> Instance:
    """Further neurons in front, the targets as they were."""
    space = x.space
    m = space.n_neurons + len(outputs)
    theta = Parametrization(
        np.vstack([weights, x.theta.weights]), np.append(outputs, x.theta.output_weights)
    )
    new: Space
    if isinstance(space, RestrictedSpace):
        new = RestrictedSpace(space.n_inputs, m, space.margin, space.bound)
    elif isinstance(space, BalancedSpace):
        new = BalancedSpace(space.n_inputs, m)
    else:
        new = UnrestrictedSpace(space.n_inputs, m, offset=space.offset)
    return replace(x, theta=theta, space=new, truth=None)


def anything(x: Instance, rng: Generator) -> Instance:
    """The point itself, its rounding, a perturbation of the point or of the data."""
    choice = rng.integers(0, 6)
    if choice == 0:
        return x
    if choice == 1:
        return rounded(x, rng)
    if choice == 2:
        return shifted(x, rng, tiny(rng, -17, -6))
    if choice == 3:
        y = x.y + tiny(rng, -16, -6) * rng.normal(size=len(x.y)) * np.abs(x.y).max(initial=1)
        return replace(x, y=y, truth=None)
    if choice == 4:
        rows = x.X.copy()
        rows[int(rng.integers(0, len(rows)))] += tiny(rng) * rng.normal(size=rows.shape[1])
        return replace(x, X=rows, truth=None)
    return shifted(rounded(x, rng), rng, tiny(rng, -16, -12))


def prove(x: Instance, rng: Generator, share: float = 0.15) -> Instance:
    return replace(x, exact=x.penalty is None and rng.random() < share)


# --- families ------------------------------------------------------------------------------------


@family
def smooth_minima(rng):
    return prove(anything(minimum(rng, kinks=0), rng), rng)


@family
def kinks_with_multipliers(rng):
    return prove(anything(minimum(rng), rng), rng)


@family
def exact_kinks(rng):
    return prove(minimum(rng), rng, 0.5)


@family
def multipliers_just_outside(rng):
    """A multiplier outside [0, 1] by a power of two: mostly no minimum."""
    x = minimum(rng, off=2.0 ** -float(rng.integers(1, 31)), spare=2)
    return prove(x, rng)


@family
def mixed_kinks(rng):
    return prove(anything(minimum(rng, mixed=True, kinks=int(rng.integers(2, 5))), rng), rng)


@family
def samples_off_their_kinks(rng):
    """Kink samples moved off by 1e-6 to 1e-13, targets moved along or not."""
    x = minimum(
        rng, mixed=rng.random() < 0.4, kinks=int(rng.integers(1, 5)), lifted=rng.random() < 0.3
    )
    offset = (
        tiny(rng)
        * rng.choice([-1, 0, 1], size=x.X.shape)
        * (1 if rng.random() < 0.5 else rng.random(x.X.shape))
    )
    if x.X.shape[1] > 2 and (x.X[:, -2] == 1).all():
        offset[:, -2:] = 0
    X = x.X + offset
    y = x.y + (realize(x.theta, X) - realize(x.theta, x.X) if rng.random() < 0.5 else 0)
    return prove(replace(x, X=X, y=y, truth=None), rng, 0.1)


@family
def nearly_coplanar_kinks(rng):
    """Case 2 and its kin: many kinks of both signs, nearly in one plane."""
    count, d = int(rng.integers(4, 15)), 2
    t = np.arange(count) - (count - 1) / 2
    e = rng.choice([-1.0, 1.0], size=count)
    D = 0.0 if rng.random() < 0.15 else tiny(rng, -13, -6 if rng.random() < 0.3 else -10.5)
    Z = np.vstack([np.column_stack([t, D * e]), [[t[0], 2], [t[-1], -2], [0, 2]]])
    alternate = rng.random() < 0.7
    s = (
        np.where(np.arange(count) % 2 == 0, -1.0, 1.0)
        if alternate
        else rng.choice([-1.0, 1.0, 3.0], size=count)
    )
    s = np.append(s, [0, 0, 0])
    u = np.array([[0, 1.0, 1.0, 1.0]])
    sign = float(rng.choice([-1, 1]))
    kind = str(rng.choice(KINDS))
    space = neighbour(kind, d + 2, 1, margin=1e-3)
    X, theta = RestrictedSpace.embed(Z), Parametrization.from_products(u, [sign])
    return Instance(theta, X, realize(theta, X) - s, space)


@family
def nearly_parallel_kinks(rng):
    """A kink's near copies of opposite residual: their sum decides."""
    x = minimum(rng, kinks=int(rng.integers(1, 4)), m=int(rng.integers(1, 3)))
    z = x.X @ x.theta.weights.T
    on = np.flatnonzero((z == 0).any(axis=1) & x.X.any(axis=1))
    if not len(on):
        return x
    k = int(rng.choice(on))
    factor = float(rng.choice([1, 2, -1, 0.5]))
    residual = realize(x.theta, x.X)[k] - x.y[k]
    copies = np.array([x.X[k], x.X[k] * factor]) + tiny(rng) * rng.normal(
        size=(2, x.X.shape[1])
    ) * (rng.random() < 0.7)
    values = realize(x.theta, copies) + residual * np.array([1, -1 / abs(factor)]) * rng.choice(
        [0.5, 1, 2]
    )
    return prove(
        replace(x, X=np.vstack([x.X, copies]), y=np.append(x.y, values), truth=None), rng, 0.1
    )


@family
def duplicate_and_parallel_samples(rng):
    x = minimum(rng)
    picks = rng.integers(0, len(x.X), size=int(rng.integers(1, 6)))
    factors = rng.choice([1.0, 1.0, 2.0, 0.5, 3.0], size=len(picks))
    X = np.vstack(
        [x.X, x.X[picks] * factors[:, None], np.zeros((int(rng.integers(0, 2)), x.X.shape[1]))]
    )
    y = np.append(x.y, x.y[picks] * factors)
    return anything(replace(x, X=X, y=np.append(y, np.zeros(len(X) - len(y))), truth=None), rng)


@family
def strict_minima_next_to_a_kink(rng):
    """Case 6: the sample's residual wants over the kink, which is at a distance of t."""
    t, d = tiny(rng, -14, -3), int(rng.integers(2, 5))
    sizes = rng.integers(1, 4, size=d).astype(float)
    X = np.diag(sizes)
    a = np.append(rng.integers(1, 3, size=d - 1).astype(float), -t)
    y = X @ np.append(a[:-1], 0)
    y[-1] = float(rng.choice([1.0, -1.0, 0.0]))
    m = int(rng.integers(1, 3))
    kind = str(rng.choice(["N", "N'"]))
    if kind == "N'":
        a[0] = 4.0
        y[0] = 4.0 * sizes[0]
        theta = Parametrization([a / 2], [2.0])
    else:
        theta = Parametrization([a], [1.0])
    x = Instance(theta, X, y, neighbour(kind, d, 1), truth=True)
    if m == 2:  # a second neuron that is far from everything
        b = -np.abs(rng.integers(1, 4, size=d)).astype(float)
        b[0] = -4
        x = with_neurons(x, b[None] / 2, np.array([2.0]))
    return prove(x, rng, 0.2)


@family
def columns_of_zeros_and_huge_ones(rng):
    x = minimum(rng, "N", kinks=int(rng.integers(0, 2)), d=int(rng.integers(2, 4)))
    m, n = x.space.n_neurons, len(x.X)
    size = float(rng.choice([1.0, 1e8, 1e14, 1e14, 1e16]))
    A = np.column_stack([x.theta.weights, size * rng.normal(size=m)])
    column = np.zeros(n)
    choice = rng.integers(0, 3)
    if choice == 1:
        column = 1e-14 * rng.normal(size=n) / size
    elif choice == 2:
        column = x.X[:, 0] * float(rng.choice([1.0, 1e14, 1e-14]))
        A[:, -1] *= 1 / size / np.abs(column).max()
    y = x.y if rng.random() < 0.5 else x.y + rng.normal(size=n)
    theta = Parametrization(A, x.theta.output_weights)
    return Instance(theta, np.column_stack([x.X, column]), y, UnrestrictedSpace(A.shape[1], m))


@family
def collinear_columns(rng):
    x = minimum(rng, str(rng.choice(["N", "N'"])), kinks=int(rng.integers(0, 3)), d=2)
    m = x.space.n_neurons
    factor = float(rng.choice([1.0, 2.0, -1.0, 1 / 3]))
    column = factor * x.X[:, 0] + (
        tiny(rng) * rng.normal(size=len(x.X)) if rng.random() < 0.6 else 0
    )
    X = np.column_stack([x.X, column])
    A = np.column_stack([x.theta.weights, np.zeros(m)])
    space = neighbour("N'" if is_balanced(x.space) else "N", 3, m)
    return anything(Instance(Parametrization(A, x.theta.output_weights), X, x.y, space), rng)


@family
def dead_neurons(rng):
    """Neurons that no sample sees, of every size, near to a sample or not."""
    x = minimum(rng, "N", kinks=int(rng.integers(0, 3)))
    d = x.space.n_inputs
    X = x.X.copy()
    X[:, 0] = np.abs(X[:, 0]) + 1
    y = realize(x.theta, X) - (realize(x.theta, x.X) - x.y)
    size = float(10.0 ** rng.uniform(-6, 15))
    a = np.append(-size * 20, rng.normal(size=d - 1) * size)
    if rng.random() < 0.3:
        a = np.append(-tiny(rng), np.zeros(d - 1))
    out = float(rng.choice([1.0, -1.0, 0.0, 1e-15, 1e8]))
    return prove(with_neurons(replace(x, X=X, y=y), a[None], np.array([out])), rng, 0.1)


@family
def twins_and_opposites(rng):
    x = minimum(
        rng, str(rng.choice(["N", "N'"])), kinks=int(rng.integers(0, 3)), m=int(rng.integers(1, 3))
    )
    if x.space.n_inputs < 2:
        return x
    theta, i = x.theta, int(rng.integers(0, x.space.n_neurons))
    a, c = theta.weights[i].copy(), float(theta.output_weights[i])
    rest = [j for j in range(x.space.n_neurons) if j != i]
    base = replace(
        x,
        theta=Parametrization(theta.weights[rest].reshape(-1, len(a)), theta.output_weights[rest])
        if rest
        else theta,
    )
    choice = rng.integers(0, 3)
    if choice == 0 and rest and not is_balanced(x.space):  # two halves of one neuron
        split = replace(base, space=UnrestrictedSpace(len(a), len(rest)))
        near = a + tiny(rng) * rng.normal(size=len(a)) * (rng.random() < 0.5)
        return with_neurons(split, np.array([a, near]), np.array([c / 2, c / 2]))
    if choice == 1:  # an opposite neuron, targets follow
        added = with_neurons(x, -a[None], np.array([c]))
        extra = realize(Parametrization(-a[None], [c]), x.X)
        return anything(replace(added, y=x.y + extra), rng)
    added = with_neurons(x, a[None], np.array([-c]))  # cancels: c and -c
    shift = realize(Parametrization(a[None], [-c]), x.X)
    return replace(added, y=x.y + (shift if rng.random() < 0.7 else 0))


@family
def collapsed_neurons(rng):
    """c = 0, a = 0 or both; sometimes no direction helps, because residuals cancel."""
    kind = str(rng.choice(["N", "N", "N'"]))
    x = minimum(rng, kind, kinks=int(rng.integers(0, 3)), m=int(rng.integers(1, 3)))
    d = x.space.n_inputs
    if rng.random() < 0.4:  # all samples twice with opposite residuals
        s = realize(x.theta, x.X) - x.y
        X = np.vstack([x.X, x.X])
        y = np.append(x.y, x.y + 2 * s)
        if rng.random() < 0.3:
            y[int(rng.integers(0, len(y)))] += tiny(rng, -15, -6)
        x = replace(x, X=X, y=y, truth=None)
    choice = rng.integers(0, 4)
    a, c = np.zeros(d), 0.0
    if kind == "N" and choice == 1:
        a = rng.integers(-2, 3, size=d).astype(float)
    elif kind == "N" and choice == 2:
        c = float(rng.choice([-1.0, 1.0, 1e-9]))
    elif choice == 3:  # nearly
        a = tiny(rng, -160 if rng.random() < 0.3 else -12) * rng.choice([-1.0, 1.0], size=d)
        c = float(np.abs(a).max()) * float(rng.choice([-1, 1]))
    return prove(with_neurons(x, a[None], np.array([c])), rng, 0.1)


@family
def alone_and_collapsed(rng):
    """One or two neurons at (0, 0) and hardly any data."""
    d, n = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    m = 1 if d == 1 else int(rng.integers(1, 3))
    X = rng.integers(-2, 3, size=(n, d)).astype(float)
    y = rng.integers(-2, 3, size=n).astype(float)
    kind = str(rng.choice(["N", "N'"]))
    A, c = np.zeros((m, d)), np.zeros(m)
    if kind == "N":
        if rng.random() < 0.5:
            A = rng.integers(-1, 2, size=(m, d)).astype(float)
        if rng.random() < 0.5:
            c = rng.integers(-1, 2, size=m).astype(float)
    return prove(Instance(Parametrization(A, c), X, y, neighbour(kind, d, m)), rng, 0.3)


@family
def residuals_nearly_zero(rng):
    """Noise-free targets and what is left of them."""
    x = minimum(rng, kinks=int(rng.integers(0, 3)))
    size = float(rng.choice([0.0, 1e-16, 1e-15, 1e-13, 1e-10, 1e-8, 1e-5]))
    y = realize(x.theta, x.X)
    y = y + size * (realize(x.theta, x.X) - x.y if rng.random() < 0.5 else rng.normal(size=len(y)))
    x = replace(x, y=y, truth=None)
    if rng.random() < 0.3:
        x = scaled(x, rng, 1.0, 4.0 ** float(rng.integers(-40, 41)))
    return prove(shifted(x, rng, tiny(rng, -17, -8)) if rng.random() < 0.5 else x, rng, 0.1)


@family
def small_units(rng):
    """Small targets beside large silent weights: nothing but units changed."""
    x = minimum(rng, "N", kinks=int(rng.integers(0, 2)))
    y = x.y if rng.random() < 0.5 else x.y + rng.normal(size=len(x.y))
    unit = float(10.0 ** rng.uniform(-25, -3))
    theta = Parametrization(x.theta.weights, x.theta.output_weights * unit)
    x = replace(x, theta=theta, y=y * unit, truth=None)
    if rng.random() < 0.5:
        X = x.X.copy()
        X[:, 0] = np.abs(X[:, 0]) + 1
        y = realize(theta, X) - (realize(theta, x.X) - x.y)
        a = np.append(-3.0, np.zeros(X.shape[1] - 1)) * 20
        x = with_neurons(replace(x, X=X, y=y), a[None], np.array([1.0]))
    return x


@family
def offsets(rng):
    """A frozen offset neuron; the last column is of any sign."""
    x = minimum(rng, "N", offset=True, kinks=int(rng.integers(0, 3)))
    if rng.random() < 0.3:
        x = replace(
            x, y=x.y + float(rng.choice([1e-12, 1e-9, 1.0])) * rng.normal(size=len(x.y)), truth=None
        )
    return prove(anything(x, rng), rng)


@family
def offsets_of_ones(rng):
    x = minimum(rng, "N", offset=True, kinks=int(rng.integers(0, 2)))
    X = x.X.copy()
    X[:, -1] = float(rng.choice([1.0, 1.0, -1.0, 0.0]))
    y = realize(x.theta, X) + rng.normal(size=len(X)) * float(rng.choice([0.0, 1e-9, 1.0]))
    theta = x.theta
    if rng.random() < 0.5:
        theta = Parametrization(theta.weights, np.append(theta.output_weights[:-1], 0.0))
    x = Instance(theta, X, y, x.space)
    if rng.random() < 0.5:
        return end_of_descent(x, rng)
    return x


@family
def active_bounds(rng):
    size = float(rng.choice([1.0, 0.5]))
    x = minimum(rng, "N*", margin=1.0 if size == 1.0 else 0.5, bound=rng.random() < 0.5)
    choice = rng.integers(0, 4)
    if choice == 0:
        return prove(x, rng, 0.4)
    if choice == 1:
        return prove(rounded(x, rng), rng, 0.2)
    if choice == 2:
        y = x.y + tiny(rng, -15, -6) * rng.normal(size=len(x.y))
        return replace(x, y=y, truth=None)
    return shifted(x, rng, tiny(rng, -15, -6))


@family
def nearly_active_bounds(rng):
    x = minimum(rng, "N*", margin=1.0, bound=rng.random() < 0.5)
    space = x.space
    assert isinstance(space, RestrictedSpace)
    gap = tiny(rng, -16, -6)
    new = RestrictedSpace(space.n_inputs, space.n_neurons, 1.0 - gap, space.bound * (1 + gap))
    return prove(replace(x, space=new, truth=None), rng, 0.2)


@family
def margin_zero(rng):
    x = minimum(rng, "N*", margin=0.0)
    u = x.theta.products.copy()
    small = rng.random(size=(len(u), 2)) < 0.5
    u[:, -2:] = np.where(small, tiny(rng, -15, -6), u[:, -2:])
    theta = Parametrization.from_products(u, x.theta.signs)
    y = x.y if rng.random() < 0.5 else realize(theta, x.X) - (realize(x.theta, x.X) - x.y)
    return prove(replace(x, theta=theta, y=y, truth=None), rng, 0.3)


@family
def unstandardized_features(rng):
    """Like unix time: 1.7e9 and small differences."""
    n, m = int(rng.integers(5, 12)), int(rng.integers(1, 3))
    base = float(rng.choice([1.7e9, 1e6, 1e12]))
    step = float(rng.choice([1.0, 1e5, 1e-3]))
    X = np.column_stack([base + step * rng.integers(0, 11, size=n), np.ones(n)])
    a = rng.choice([-1.0, 1.0], size=m)
    A = np.column_stack([a, -a * (base + step * rng.integers(1, 10, size=m))])
    c = rng.choice([-1.0, 1.0], size=m)
    offset = rng.random() < 0.5
    if offset:
        A, c = np.vstack([A, [0.0, 1.0]]), np.append(c, 0.0)
    y = step * rng.integers(-3, 4, size=n).astype(float)
    x = Instance(Parametrization(A, c), X, y, UnrestrictedSpace(2, len(c), offset=offset))
    return end_of_descent(x, rng) if rng.random() < 0.7 else x


@family
def scales_powers_of_two(rng):
    x = minimum(rng, mixed=rng.random() < 0.2, kinks=int(rng.integers(0, 4)))
    limit = 60 if is_balanced(x.space) else 100
    size = 4.0 ** float(rng.integers(-limit, limit + 1))
    inputs = 2.0 ** float(rng.integers(-200, 201))
    outputs = 1.0 if is_balanced(x.space) else 2.0 ** float(rng.integers(-100, 101))
    known = x.truth
    return prove(replace(scaled(x, rng, inputs, size, outputs), truth=known), rng, 0.1)


@family
def other_scales(rng):
    x = minimum(rng, mixed=rng.random() < 0.2, kinks=int(rng.integers(0, 4)))
    size, inputs, outputs = (float(10.0 ** rng.uniform(-75, 75)) for _ in range(3))
    outputs = outputs if rng.random() < 0.5 else 1.0
    if not 1e-145 < size * inputs * outputs < 1e145:  # the loss is a number, then
        inputs = 1 / size / outputs
    return scaled(x, rng, inputs, size, outputs)


@family
def columns_of_different_scales(rng):
    """Every column in units of its own, the weights in the inverse ones."""
    x = minimum(rng, "N", kinks=int(rng.integers(0, 4)))
    low = float(rng.choice([3, 12, 40, 120]))
    units = 2.0 ** np.round(rng.uniform(-low, low, size=x.space.n_inputs))
    return replace(
        x, X=x.X * units, theta=Parametrization(x.theta.weights / units, x.theta.output_weights)
    )


@family
def lifted_data(rng):
    x = minimum(
        rng,
        str(rng.choice(["N'", "N*"])),
        lifted=True,
        mixed=rng.random() < 0.2,
        kinks=int(rng.integers(0, 4)),
    )
    return prove(anything(x, rng), rng)


@family
def apexes(rng):
    """A neuron (0, ..., 0, t, t): every lifted sample is on its kink."""
    p, n = int(rng.integers(1, 3)), int(rng.integers(3, 11))
    features = rng.integers(-4, 5, size=(n, p)).astype(float)
    margin = float(rng.choice([0.0, 1e-3, 0.25]))
    m = int(rng.integers(1, 3))
    space = RestrictedSpace(p + 2, m, margin)
    t = 4.0 ** float(rng.integers(-1, 2))
    u = [[0.0] * p + [t, t]]
    if m == 2:
        u.append([1.0] * p + [4.0, 1.0])
    signs = rng.choice([-1, 1], size=m)
    theta = Parametrization.from_products(u, signs)
    X = space.embed(features)
    s = rng.integers(-2, 3, size=n).astype(float)
    if rng.random() < 0.6:
        s = np.abs(s) * signs[0]
    if rng.random() < 0.3:
        s[int(rng.integers(0, n))] *= -tiny(rng, -13, 0)
    x = Instance(theta, X, realize(theta, X) - s, space)
    return prove(shifted(x, rng, tiny(rng, -16, -6)) if rng.random() < 0.2 else x, rng, 0.1)


@family
def penalties(rng):
    x = minimum(rng, penalized=True, kinks=int(rng.integers(0, 3)))
    if rng.random() < 0.2:
        return replace(x, y=x.y + tiny(rng, -14, -3) * rng.normal(size=len(x.y)), truth=None)
    return anything(x, rng) if rng.random() < 0.7 else x


@family
def weighted_samples(rng):
    """Rows of X and y times the square roots of weights: exact ones and others."""
    x = minimum(rng, kinks=int(rng.integers(0, 4)))
    n = len(x.X)
    s = realize(x.theta, x.X) - x.y
    if rng.random() < 0.5:
        root = 2.0 ** rng.integers(-3, 4, size=n)
        y = realize(x.theta, x.X) - s / root**2  # weights take back what the residuals lost
    else:
        root = np.sqrt(10.0 ** rng.uniform(-12, 3, size=n))
        y = realize(x.theta, x.X) - s / root**2
    return prove(replace(x, X=x.X * root[:, None], y=y * root, truth=None), rng, 0.1)


@family
def saddles(rng):
    """Stationary for smooth directions, not along a kink that both sides leave."""
    x = minimum(rng, mixed=True, kinks=1, m=int(rng.integers(1, 3)))
    return prove(shifted(x, rng, tiny(rng, -17, -8)) if rng.random() < 0.4 else x, rng, 0.2)


@family
def unbalanced_neurons(rng):
    """On N the factors of a product may be anything: c of 1e12 and a of 1e-12."""
    x = minimum(rng, "N", kinks=int(rng.integers(0, 4)), mixed=rng.random() < 0.2)
    wide = float(rng.choice([3, 8, 12]))
    t = 10.0 ** rng.uniform(-wide, wide, size=x.space.n_neurons)
    if rng.random() < 0.5:
        t = 2.0 ** np.round(np.log2(t))
    theta = Parametrization(x.theta.weights * t[:, None], x.theta.output_weights / t)
    return prove(anything(replace(x, theta=theta, truth=None), rng), rng, 0.1)


@family
def clusters_of_kinks(rng):
    """Several near copies of each kink, residuals of both signs and many sizes."""
    x = minimum(rng, kinks=int(rng.integers(1, 4)), m=int(rng.integers(1, 3)))
    z = x.X @ x.theta.weights.T
    on = np.flatnonzero((z == 0).any(axis=1) & x.X.any(axis=1))
    rows, values = [x.X], [x.y]
    for k in on[:2]:
        count = int(rng.integers(2, 7))
        copies = np.tile(x.X[k], (count, 1)) * rng.choice([1.0, 1.0, -1.0, 2.0], size=(count, 1))
        copies = copies + tiny(rng, -14, -8) * rng.normal(size=copies.shape) * (rng.random() < 0.8)
        s = rng.integers(-3, 4, size=count) * 10.0 ** rng.integers(-3, 5, size=count)
        if rng.random() < 0.6:
            s[-1] = -s[:-1].sum()
        rows.append(copies)
        values.append(realize(x.theta, copies) - s)
    new = replace(x, X=np.vstack(rows), y=np.concatenate(values), truth=None)
    return prove(new, rng, 0.1)


@family
def cancelling_neurons(rng):
    """Two neurons with output weights of 1e3 to 1e12 and opposite signs, nearly the same."""
    x = minimum(rng, "N", kinks=int(rng.integers(0, 3)), m=int(rng.integers(1, 3)))
    d = x.space.n_inputs
    size = float(2.0 ** rng.integers(10, 41))
    a = rng.integers(-3, 4, size=d).astype(float)
    gap = tiny(rng, -15, -6) * rng.normal(size=d) * (rng.random() < 0.7)
    s = realize(x.theta, x.X) - x.y
    new = with_neurons(x, np.array([a, a + gap]), np.array([size, -size]))
    y = realize(new.theta, x.X) - s * float(rng.choice([1.0, 1e-4, 1e-8]))
    return prove(replace(new, y=y), rng, 0.1)


@family
def small_residuals_of_large_values(rng):
    x = minimum(rng, kinks=int(rng.integers(0, 3)))
    s = realize(x.theta, x.X) - x.y
    y = realize(x.theta, x.X) - s * 2.0 ** -float(rng.integers(10, 45))
    x = replace(x, y=y, truth=None)
    if rng.random() < 0.5:
        x = rounded(x, rng)
    return prove(x, rng, 0.2)


@family
def far_along_the_flat_direction(rng):
    """Lifted data see p - q only: p and q of 1e3 to 1e12."""
    kind = str(rng.choice(["N'", "N*"]))
    x = minimum(rng, kind, lifted=True, kinks=int(rng.integers(0, 4)), margin=0.125)
    u = x.theta.products.copy()
    u[:, -2:] += 2.0 ** rng.integers(10, 41, size=(len(u), 1))
    signs = np.where(x.theta.output_weights < 0, -1, 1)
    theta = Parametrization.from_products(u, signs)
    s = realize(x.theta, x.X) - x.y
    y = x.y if rng.random() < 0.5 else realize(theta, x.X) - s
    return prove(replace(x, theta=theta, y=y, truth=None), rng, 0.2)


@family
def more_of_everything(rng):
    """Up to 6 inputs, 4 neurons and 40 samples."""
    d, m = int(rng.integers(3, 7)), int(rng.integers(2, 5))
    kinks, spare = int(rng.integers(0, 2)), int(rng.integers(2, 12))
    return prove(anything(minimum(rng, d=d, m=m, kinks=kinks, spare=spare), rng), rng, 0.1)


@family
def samples_of_many_sizes(rng):
    """Rows times 1e-15 to 1e15, the residuals by the inverse: kinks at every scale."""
    x = minimum(rng, kinks=int(rng.integers(1, 4)), mixed=rng.random() < 0.3)
    wide = float(rng.choice([3, 9, 15]))
    t = 10.0 ** rng.uniform(-wide, wide, size=len(x.X))
    s = realize(x.theta, x.X) - x.y
    X = x.X * t[:, None]
    return prove(replace(x, X=X, y=realize(x.theta, X) - s / t, truth=None), rng, 0.1)


@family
def hardly_any_data(rng):
    """One to three samples, zero rows, one input, targets of zero."""
    kind = str(rng.choice(KINDS))
    d, n = int(rng.integers(1 if kind != "N*" else 2, 4)), int(rng.integers(1, 4))
    m = 1 if d == 1 else int(rng.integers(1, 4))
    X = rng.integers(-1, 2, size=(n, d)) * rng.choice([1.0, 1e-12, 1e9], size=(n, 1))
    y = rng.integers(-1, 2, size=n) * float(rng.choice([1.0, 1e-12, 0.0]))
    u = rng.integers(-2, 3, size=(m, d)).astype(float)
    if kind == "N*":
        u[:, -2:] = np.abs(u[:, -2:]) + 0.25
    theta = Parametrization.from_products(u, rng.choice([-1, 1], size=m))
    x = Instance(theta, X, y, neighbour(kind, d, m, margin=0.25 if rng.random() < 0.5 else 0.0))
    return prove(end_of_descent(x, rng) if rng.random() < 0.6 else x, rng, 0.2)


@family
def subnormal_numbers(rng):
    x = minimum(rng, kinks=int(rng.integers(0, 3)))
    choice = rng.integers(0, 4)
    if choice == 0:
        return scaled(x, rng, 2.0**-1060, 1.0)
    if choice == 1:
        X = x.X.copy()
        X[int(rng.integers(0, len(X)))] *= 2.0**-1070
        return replace(x, X=X, truth=None)
    if choice == 2:
        return scaled(x, rng, 2.0**500, 4.0**-250 if is_balanced(x.space) else 2.0**-500)
    if isinstance(x.space, RestrictedSpace):
        return scaled(x, rng, 2.0**-400, 4.0**-70)
    column = 5e-324 * rng.integers(-3, 4, size=len(x.X))
    m, d = x.theta.weights.shape
    theta = Parametrization(np.column_stack([x.theta.weights, np.zeros(m)]), x.theta.output_weights)
    space = neighbour("N'" if is_balanced(x.space) else "N", d + 1, m)
    return Instance(theta, np.column_stack([x.X, column]), x.y, space)


@family
def thresholds_of_mixed_kinks(rng):
    """Concave kinks as steep as the convex ones allow on some ray, up to 1e-3 to 1e-15."""
    apex = rng.random() < 0.4
    rank = int(rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2]))
    count = int(rng.integers(3, (0, 200, 40, 12)[rank]))
    kind = str(rng.choice(KINDS))
    if apex:  # (0, ..., 0, t, t) on lifted data: all samples
        features = rng.integers(-9, 10, size=(count, max(rank - 1, 1))).astype(float)
        if rng.random() < 0.5:
            features += rng.random(size=features.shape)
        X = RestrictedSpace.embed(features)
        u = np.append(np.zeros(features.shape[1]), [1.0, 1.0])
        normals = X[:, :-1]
    else:
        u = rng.integers(-1, 2, size=rank + 1)
        u[0] = 1
        if kind == "N*":
            u[-2:] = 1
        basis = np.array(kernel([u.tolist()], rank + 1), dtype=int)
        normals = rng.integers(-9, 10, size=(count, rank))
        X = (normals @ basis).astype(float)
    sign = float(rng.choice([-1, 1]))
    w = rng.integers(1, 9, size=count).astype(float)
    down = rng.random(size=count) < rng.choice([0.1, 0.3, 0.5])
    integers = [[Fraction(float(v)) for v in row] for row in normals]
    common = [[int(v * 2**53) for v in row] for row in integers]
    rays = [v for v in crossings(common, len(common[0])) if any(v)]
    if rays:
        V = np.array([[float(t) for t in v] for v in rays])
        V /= np.abs(V).max(axis=1, keepdims=True)
        Z = np.maximum(np.vstack([V, -V]) @ normals.T, 0)
        up, less = Z[:, ~down] @ w[~down], Z[:, down] @ w[down]
        steep = less > 1e-9
        if steep.any():
            w[down] *= (up[steep] / less[steep]).min()
    w[down] *= -(1 + float(rng.choice([-1, 1, 0], p=[0.5, 0.4, 0.1])) * tiny(rng, -15, -3))
    X = np.vstack([X, np.tile(u, (2, 1)) * [[1], [-1]]]) if not apex else X
    theta = Parametrization.from_products(u[None], [sign])
    s = np.append(w * sign, np.zeros(len(X) - count))
    y = realize(theta, X) - s
    if rng.random() < 0.15:
        X[:count] += tiny(rng, -14, -8) * rng.normal(size=(count, X.shape[1])) * (not apex)
    d = X.shape[1]
    return prove(Instance(theta, X, y, neighbour(kind, d, 1, margin=0.125)), rng, 0.1)


def random_problem(rng: Generator) -> Instance:
    kind, p, n = str(rng.choice(KINDS)), int(rng.integers(1, 4)), int(rng.integers(3, 14))
    style = rng.integers(0, 4)
    features = rng.normal(size=(n, p)) if style else rng.integers(-2, 3, size=(n, p)).astype(float)
    if style == 2:
        features = features[rng.integers(0, n, size=n)]
    if style == 3:
        features = features[:, :1] * np.ones(p)
    y = rng.normal(size=n) if rng.random() < 0.7 else rng.integers(-2, 3, size=n).astype(float)
    m = int(rng.integers(1, 4))
    space: Space
    if kind == "N":
        offset = rng.random() < 0.5
        space = UnrestrictedSpace(p + 1, m + offset, offset=bool(offset))
    else:
        margin, bound = ((0.0, inf), (1e-3, inf), (0.1, 2.0))[int(rng.integers(0, 3))]
        space = neighbour(kind, p + 2, m, margin=margin, bound=bound)
    penalty = None
    if rng.random() < 0.15:
        penalty = np.full(space.n_inputs, float(10.0 ** rng.uniform(-6, 0)))
    return Instance(space.sample(rng), space.embed(features), y, space, penalty=penalty)


def end_of_descent(x: Instance, rng: Generator) -> Instance:
    end = descend(x.theta, x.X, x.y, space=x.space, penalty=x.penalty)
    done = end.outcome.name == "MINIMUM"
    return replace(x, theta=end.parametrization, truth=None, descended=done)


@family
def random_points(rng):
    return random_problem(rng)


@family
def ends_of_descent(rng):
    x = random_problem(rng)
    return prove(end_of_descent(x, rng), rng, 0.1)


@family
def descent_from_near_degenerate_points(rng):
    """Descents from points of the other families."""
    names = [n for n in FAMILIES if "descent" not in n and "random" not in n]
    x = FAMILIES[str(rng.choice(names))](rng)
    if rng.random() < 0.5:
        x = shifted(x, rng, tiny(rng, -12, 0))
    return replace(end_of_descent(replace(x, exact=False), rng), exact=False)


@family
def next_to_ends_of_descent(rng):
    x = end_of_descent(random_problem(rng), rng)
    moved = shifted(x, rng, tiny(rng, -16, -6))
    return replace(moved, descended=False)


@family
def collapsing_descents(rng):
    """Few samples that want the other sign: neurons shrink to (0, 0)."""
    d, n = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    m = 1 if d == 1 else int(rng.integers(1, 3))
    X = rng.integers(-1, 3, size=(n, d)).astype(float)
    signs = rng.choice([-1, 1], size=m)
    y = -float(signs[0]) * rng.integers(0, 3, size=n).astype(float)
    kind = str(rng.choice(["N", "N'"]))
    theta = Parametrization.from_products(
        rng.choice([0.5, 1.0, 2.0], size=(m, d)) * (1 + rng.random((m, d))), signs
    )
    return end_of_descent(Instance(theta, X, y, neighbour(kind, d, m)), rng)
