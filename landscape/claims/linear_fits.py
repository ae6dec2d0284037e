"""Linear fits are spurious local minima.

Where no linear function fits the data, a network all of whose neurons are active on all samples,
and which computes the linear least squares fit, is said to be a local minimum that is not global.
Is it, on which data, from which width on, and how small can data with a bad local minimum be?
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.minima import Certificate, certify_minimum
from landscape.objective import loss
from landscape.parametrization import Parametrization
from landscape.probe import steepest_ridge
from landscape.rounding import Array
from landscape.spaces import BalancedSpace, UnrestrictedSpace, make_space
from landscape.trees import merge_tree

YUN = Source("Yun, Sra, Jadbabaie 2019", "arXiv:1802.03487", "yes, but for displayed formulas")
CHRISTOF = Source("Christof, Kowalczyk 2023", "arXiv:2202.12262", "abstract")
SWIRSZCZ = Source("Swirszcz, Czarnecki, Pascanu 2016", "arXiv:1611.06310", "abstract")

#: One input, n = 4: no network with one neuron is better than the linear fit.
NARROW = [[0.0], [1.0], [2.0], [3.0]], [-1.0, 11.0, 19.0, 31.0]
#: The data of Theorem 2 of Yun et al.
THREE = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), np.array([0.0, 0.0, 1.0])


def fit(x: Array, y: Array) -> tuple[Array, float]:
    """The linear least squares fit, slopes and intercept."""
    found = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    return np.asarray(found[:-1], dtype=float), float(found[-1])


def linear_network(x: Array, y: Array, shares: Array, lift: float) -> Parametrization:
    """The linear fit as a network whose neurons are active on all samples.

    Their products are shares of the slopes; neurons of share 0 are silent.
    """
    slopes, intercept = fit(x, y)
    weights, signs = np.abs(shares)[:, None] * slopes, np.where(shares < 0, -1.0, 1.0)
    least = (x @ weights.T).min(axis=0)
    biases = np.where(shares != 0, lift * (1.0 + np.abs(least)) - least, -1.0 - np.abs(least))
    outputs = np.where(shares != 0, signs, 0.0)
    space: UnrestrictedSpace = make_space("unrestricted", x.shape[1], len(shares))  # type: ignore[assignment]
    return space.from_network(weights, biases, outputs, intercept - float(outputs @ biases))


def certified(theta: Parametrization, x: Array, y: Array, *, exact: bool = True) -> Certificate:
    """The certificate of an unrestricted network with biases."""
    space = make_space("unrestricted", x.shape[1], theta.n_neurons - 1)
    return certify_minimum(theta, space.embed(x), y, space=space, exact=exact)


def better(theta: Parametrization, x: Array, y: Array) -> float:
    """By how much one more neuron lowers the loss of a network, its best ridge's share."""
    X = np.column_stack([x, np.ones(len(x))])
    s = np.maximum(X @ theta.weights.T, 0.0) @ theta.output_weights - y
    values = np.maximum(X @ steepest_ridge(X, s).direction, 0.0)
    return float((s @ values) ** 2 / (values @ values) / len(y))


def data_sets(effort: Effort, count: int) -> Iterator[tuple[Array, Array]]:
    """Random data, one to three inputs: gaussian, on grids, nearly collinear, with two clusters."""
    for k in range(count):
        rng = effort.rng("linear-fits", k)
        n, p = int(rng.integers(5, 16)), int(rng.integers(1, 4))
        x = rng.standard_normal((n, p))
        if k % 4 == 1:
            every = np.array(list(product(range(-2, 3), repeat=p)), dtype=float)
            x = every[rng.permutation(len(every))[:n]]
        elif k % 4 == 2:
            x = x[:, :1] * np.ones(p) + 1e-3 * x
        elif k % 4 == 3:
            x = x / 10 + 5.0 * (rng.random((n, 1)) < 0.5)
        yield x, rng.standard_normal(len(x))


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    return Found([_generic(effort), _narrow(effort), _three(effort), *_continua(effort)])


def _generic(effort: Effort) -> Claim:
    count, proved, beaten = effort.of(100, 6), 0, 0
    for k, (x, y) in enumerate(data_sets(effort, count)):
        theta = linear_network(x, y, np.eye(2 + k % 4)[0], 1.0)
        proved += bool(certified(theta, x, y).proved)
        level = loss(theta, np.column_stack([x, np.ones(len(x))]), y)
        beaten += better(theta, x, y) > 1e-9 * level
    return claim(
        effort, YUN, "linear-fits", "linear-fit-is-spurious",
        statement="If no linear function fits the data and samples are distinct, a ReLU network of "
        "width "
        "2 or more has a local minimum with the loss of linear least squares that is not global "
        "(Theorem 1).",
        data=f"{count} random data sets, 5 to 15 samples of 1 to 3 inputs: gaussian, on grids, "
        "nearly "
        f"collinear, in clusters; {effort.seeded}. Widths 2 to 5.",
        computation="The linear fit as a network, proved to be a local minimum in rationals; one "
        "of "
        "its silent "
        "neurons replaced by the ridge that lowers the loss most steeply, with its best scale.",
        predicted="all proved, all beaten",
        measured=f"{proved} of {count} proved, {beaten} of {count} beaten",
        uncertainty=f"share that is both: {interval(min(proved, beaten), count)}",
        verdict=judged(proved == beaten == count),
    )  # fmt: skip


def _narrow(effort: Effort) -> Claim:
    x, y = (np.array(part) for part in NARROW)
    tree = merge_tree(x, y, space=make_space("unrestricted", 1, 1), exact=True)
    least = tree.exact_pairs[0][0]
    # Samples 0, 1, 2, 3: normal equations in rationals.
    targets, mean = [Fraction(v) for v in NARROW[1]], Fraction(3, 2)
    slope = sum((k - mean) * t for k, t in enumerate(targets)) / 5
    centre = sum(targets) / 4
    linear = sum((centre + slope * (k - mean) - t) ** 2 for k, t in enumerate(targets)) / 4
    return claim(
        effort, YUN, "linear-fits", "linear-fit-at-width-one",
        statement="Theorem 1 asks for at least two neurons: is that needed?",
        data="Samples (0, -1), (1, 11), (2, 19), (3, 31), exact.",
        computation="Least loss of all networks with one neuron, biases and an offset, by the "
        "exact "
        "merge tree; "
        "loss of the linear fit in rationals.",
        predicted="The condition says nothing of width 1.",
        measured=f"least loss {least}, linear fit {linear}",
        verdict=judged(least == linear),
        note="With one neuron the linear fit is the global minimum of these data, so the condition "
        "cannot be left out.",
    )  # fmt: skip


def _three(effort: Effort) -> Claim:
    x, y = THREE
    proof = certified(linear_network(x, y, np.array([1.0, 0.0]), 1.0), x, y).proof
    assert proof is not None
    half = Fraction(1, 2)
    # 1 - relu(x_1 - x_2) - relu(x_2 - x_1), in rationals.
    values = [
        1 - max(a - b, Fraction(0)) - max(b - a, Fraction(0))
        for a, b in ((1, 0), (0, 1), (half, half))
    ]
    fitted = values == [0, 0, 1]
    return claim(
        effort, YUN, "linear-fits", "three-points",
        statement="On three points that two ReLUs fit exactly there is a local minimum with the "
        "loss of linear least "
        "squares (Theorem 2 and its appendix).",
        data="Inputs (1, 0), (0, 1), (1/2, 1/2), targets 0, 0, 1, exact.",
        computation="Proof in rationals that the linear fit is a local minimum; a network with "
        "loss 0 "
        "in rationals.",
        predicted="local minimum with mean squared error 2/9, global minimum 0",
        measured=f"{proof.verdict.value}: local minimum with loss {proof.loss}; "
        f"1 - ρ(x₁ - x₂) - ρ(x₂ - x₁) {'fits' if fitted else 'does not fit'} exactly",
        verdict=judged(proof.proved and proof.loss == Fraction(2, 9) and fitted),
        note="Their loss is half a sum of squares; ours are means.",
    )  # fmt: skip


def _continua(effort: Effort) -> Iterator[Claim]:
    count, members, agree, widths = effort.of(200, 10), 0, 0, set()
    for k in range(count):
        rng = effort.rng("linear-fits", "continuum", k)
        n, p, m = int(rng.integers(5, 16)), int(rng.integers(1, 4)), 2 + k % 5
        x, y = rng.standard_normal((n, p)), rng.standard_normal(n)
        shares = rng.dirichlet(np.ones(m))
        if m > 2:  # signs of either kind, the sum stays 1
            shares = shares + rng.standard_normal() * (np.eye(m)[0] - np.eye(m)[1])
        theta = linear_network(x, y, shares, float(rng.uniform(0.1, 10)))
        found = certified(theta, x, y, exact=False)
        members += found.is_minimum
        slopes, intercept = fit(x, y)
        linear = float(np.mean((x @ slopes + intercept - y) ** 2))
        agree += abs(found.loss / linear - 1) < 1e-9
        widths.add(m)
    yield claim(
        effort, CHRISTOF, "linear-fits", "continuum-of-spurious-minima",
        statement="With hidden layers of width at least two and an activation with an affine "
        "piece, the spurious local "
        "minima form a continuum, for every target that is not affine.",
        data=f"{count} pairs of random data and a random network that computes their linear fit, "
        "all neurons active on all "
        f"samples, output weights of either sign; widths {min(widths)} to {max(widths)}; "
        f"{effort.seeded}.",
        computation="Certificate of each network, and its loss against that of linear least "
        "squares.",
        predicted="all are local minima with the loss of the linear fit",
        measured=f"{members} of {count} certified, {agree} of {count} with that loss",
        uncertainty=interval(min(members, agree), count),
        verdict=judged(members == agree == count),
        note="A continuum as biases, scales and shares are free; that the loss is not the least "
        "one is the claim above.",
    )  # fmt: skip
    targets = {n: [*product(range(-2, 3), repeat=n)] for n in (1, 2)}
    bad_ones = {
        n: sum(_is_bad(np.array([[-1.0], [1.0]])[:n], np.array(t, dtype=float)) for t in every)
        for n, every in targets.items()
    }
    two = merge_tree([[-1.0], [1.0]], [1.0, -2.0], space=BalancedSpace(3, 1), exact=True)
    (best, _), (bad, level) = two.exact_pairs
    yield claim(
        effort, SWIRSZCZ, "linear-fits", "small-data-with-bad-minima",
        statement="There are finite data sets on which the loss of a ReLU network has a strongly "
        "suboptimal local "
        "minimum.",
        data="One neuron with a bias, no offset; samples at -1, or at -1 and 1, all targets in "
        "{-2, ..., 2}; exact.",
        computation="Exact merge trees: data sets with a spurious valley, one whose lowest point "
        "is "
        "not a global minimum.",
        predicted="some data set has one",
        measured=f"with one sample {bad_ones[1]} of {len(targets[1])}, with two {bad_ones[2]} of "
        f"{len(targets[2])}; "
        f"targets 1 and -2: least loss {best}, bad valley at {bad}, left at {level}",
        verdict=judged(bad_ones[2] > 0),
        note="Two samples and one neuron suffice; one sample does not, whatever its target.",
    )  # fmt: skip


def _is_bad(x: Array, y: Array) -> bool:
    tree = merge_tree(x, y, space=BalancedSpace(3, 1), exact=True)
    return bool(tree.spurious.any())
