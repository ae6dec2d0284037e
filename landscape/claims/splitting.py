"""Splitting a neuron, and channels to infinity.

A neuron of a minimum is duplicated, its output weight c shared as γ c and (1 - γ) c: the loss stays
the same for all γ. Which of these points are local minima of the wider network? For smooth
activations the answer depends on a matrix of second derivatives, which is zero for ReLU networks
off their kinks; by Theorem 33 the kinks decide. And do ReLU networks have channels to infinity,
along which two such weights grow without bound while the loss falls?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.descent import descend
from landscape.exact import dot
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, group_directions
from landscape.rational import RationalFunction
from landscape.rounding import Array
from landscape.spaces import Space, UnrestrictedSpace, make_space
from landscape.verdict import Judgement

FUKUMIZU = Source("Fukumizu, Amari 2000", "doi:10.1016/S0893-6080(00)00009-5", "abstract")
MARTINELLI = Source("Martinelli et al. 2025", "arXiv:2506.14951", "yes")

CAPTION = """Shares of certified local minima after a neuron of a certified minimum was split with
the factor γ: neurons off all kinks, and neurons on kinks of samples with residuals. Between 0 and 1
all are minima, beyond only the former."""

ZERO = Fraction(0)
FACTORS = (-2.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0)


def split(theta: Parametrization, i: int, factor: float) -> Parametrization:
    """Neuron i twice, with shares of its output weight; the copy comes first."""
    a, c = theta.weights, theta.output_weights.copy()
    copy = c[i] * (1 - factor)
    c[i] *= factor
    return Parametrization(np.vstack([a[i], a]), np.append(copy, c))


def minima(effort: Effort, key: str, count: int) -> Iterator[tuple[Array, Array, Space, Any]]:
    """Certified minima of random data: embedded inputs, targets, space, end of the descent."""
    for k in range(count):
        rng = effort.rng("splitting", key, k)
        p, m = int(rng.integers(1, 3)), int(rng.integers(1, 4))
        x, y = rng.standard_normal((int(rng.integers(8, 16)), p)), None
        y = rng.standard_normal(len(x))
        space = make_space("unrestricted", p, m)
        end = descend(space.sample(rng), space.embed(x), y, space=space)
        if end.certificate is not None and end.certificate.is_minimum:
            yield space.embed(x), y, space, end


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    counts, certified = _split_all(effort)
    claims = [*_splits(effort, counts, certified), _example(effort)]
    claims += [*_duplicates(effort), *_channels(effort)]
    return Found(claims, partial(_draw, counts, certified))


def _split_all(effort: Effort) -> tuple[Counter, Counter]:
    """How many splits there are of each kind and factor, and how many were certified."""
    counts: Counter = Counter()
    certified: Counter = Counter()
    for X, y, space, end in minima(effort, "split", effort.of(120, 6)):
        theta = end.parametrization
        z = X @ theta.weights[:-1].T
        s = np.maximum(z, 0) @ theta.output_weights[:-1] + theta.output_weights[-1] - y
        near = np.abs(z) <= 1e-9 * (np.abs(X) @ np.abs(theta.weights[:-1]).T)
        wide = UnrestrictedSpace(space.n_inputs, space.n_neurons + 1, offset=True)
        for i in range(space.n_neurons - 1):
            loaded = near[:, i] & (np.abs(s) > 1e-6 * np.abs(s).max())
            if theta.output_weights[i] == 0 or not (z[:, i] > 0).any():
                continue
            for factor in FACTORS:
                found = certify_minimum(split(theta, i, factor), X, y, space=wide)
                key = bool(loaded.any()), factor
                counts[key] += 1
                certified[key] += found.is_minimum
                counts[(*key, found.verdict.value)] += 1
    return counts, certified


def _splits(effort: Effort, counts: Counter, certified: Counter) -> Iterator[Claim]:
    def total(which: Counter, kinked: tuple[bool, ...], inside: bool) -> int:
        own = [f for f in FACTORS if (0 < f < 1) == inside]
        return sum(which[kink, f] for kink in kinked for f in own)

    def undecided(kinked: tuple[bool, ...], inside: bool) -> int:
        own = [f for f in FACTORS if (0 < f < 1) == inside]
        return sum(counts[kink, f, "undecided"] for kink in kinked for f in own)

    data = (
        "Certified minima of random data, 8 to 15 samples of 1 or 2 inputs, 1 to 3 neurons; "
        f"{effort.seeded}."
    )
    n, k = (total(which, (True, False), True) for which in (counts, certified))
    yield claim(
        effort, FUKUMIZU, "splitting", "split-between-0-and-1",
        statement="Duplicating a hidden neuron of a smaller network makes lines of critical points "
        "of the larger one; on "
        "a segment of it they can be local minima.",
        data=data,
        computation=f"Certificates of all splits with factors {[f for f in FACTORS if 0 < f < 1]} "
        "of "
        "all active neurons.",
        predicted="for ReLU all of them are local minima (Theorem 33)",
        measured=f"{k} of {n} certified, {undecided((True, False), True)} undecided",
        uncertainty=interval(k, n),
        verdict=judged(k == n),
        note="For smooth activations a matrix has to be definite; for ReLU nothing has to.",
    )  # fmt: skip
    n, k = (total(which, (False,), False) for which in (counts, certified))
    kinks, left = (total(which, (True,), False) for which in (counts, certified))
    open_ = undecided((True,), False)
    saddles = kinks - left - open_
    verdict = (
        Judgement.CORRECTED if k == n and not left and 2 * saddles > kinks else Judgement.UNDECIDED
    )
    yield claim(
        effort, FUKUMIZU, "splitting", "split-outside-0-and-1",
        statement="Whether a split is a local minimum or a saddle depends on the factor; the local "
        "minima form a segment.",
        data=data,
        computation="Certificates of all splits with factors "
        f"{[f for f in FACTORS if not 0 < f < 1]}.",
        predicted="for ReLU a saddle if the neuron has a sample with a residual on its kink, else "
        "a local minimum for "
        "every factor (Theorem 33)",
        measured=f"off kinks {k} of {n} are certified minima; on kinks {saddles} of {kinks} are "
        f"certified saddles, {open_} "
        f"undecided, {left} minima",
        uncertainty=f"off kinks {interval(k, n)}; saddles on kinks {interval(saddles, kinks)}",
        verdict=verdict,
        note="Correction for ReLU: the factor matters at kinks only. Off kinks the whole line "
        "consists of local minima, "
        "its ends included.",
    )  # fmt: skip


def _example(effort: Effort) -> Claim:
    X, y = np.eye(2), np.array([1.0, -1.0])
    theta, wide = Parametrization([[1.0, 0.0]], [1.0]), UnrestrictedSpace(2, 2)
    proofs = {
        f: certify_minimum(split(theta, 0, f), X, y, space=wide, exact=True).proof
        for f in (0.5, 2.0)
    }
    # The copy has the output weight -1: turned by (0, t) it lowers the second value to -t.
    t = Fraction(1, 2)
    values = [2 * max(a, 0) - max(a + t * b, ZERO) for a, b in ((1, 0), (0, 1))]
    lower = sum(((v - w) ** 2 for v, w in zip(values, (1, -1), strict=True)), ZERO) / 2
    verdicts = {f: proof.verdict.value for f, proof in proofs.items() if proof is not None}
    return claim(
        effort, FUKUMIZU, "splitting", "split-example",
        statement="A ReLU example in which the factor decides.",
        data="Inputs (1, 0), (0, 1), targets 1, -1, no biases; the minimum ρ(x₁); exact.",
        computation="Proofs in rationals for the factors 1/2 and 2; the loss of 2 ρ(x₁) - ρ(x₁ + "
        "x₂/2).",
        predicted="1/2: local minimum with loss 1/2; 2: none",
        measured=f"1/2: {verdicts[0.5]}; 2: {verdicts[2.0]}, a loss of {lower} next to 1/2",
        verdict=judged(verdicts == {0.5: "holds", 2.0: "violated"} and lower < Fraction(1, 2)),
    )  # fmt: skip


def rosenbrock(n: int) -> tuple[Array, Array]:
    """A logarithm of a Rosenbrock function on a grid of n x n points, both standardized."""
    side = np.linspace(-np.sqrt(3), np.sqrt(3), n)
    x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    y = np.log(0.1 + (1 - x[:, 0]) ** 2 + 3 * (x[:, 1] - x[:, 0] ** 2) ** 2)
    return x, (y - y.mean()) / y.std()


def mergeable(theta: Parametrization, X: Array, offset: bool) -> tuple[bool, bool]:
    """Whether two neurons have the same direction; the same sign and active samples."""
    m = theta.n_neurons - offset
    a, c = theta.weights[:m], theta.output_weights[:m]
    active = 1e-9 * (np.abs(X) @ np.abs(a).T) < X @ a.T
    real = [i for i in range(m) if active[:, i].any() and c[i] != 0]
    same = [(active[:, i].tobytes(), c[i] > 0) for i in real]
    return len({int(k) for k in group_directions(a[real])}) < len(real), len(set(same)) < len(same)


def _duplicates(effort: Effort) -> Iterator[Claim]:
    x, y = rosenbrock(effort.of(7, 4))
    starts, found = effort.of(60, 3), {}
    for biases in (False, True):
        kinds: Counter = Counter()
        for m, k in product(range(2, 6), range(starts)):
            space: Space = make_space("unrestricted", 2, m) if biases else UnrestrictedSpace(2, m)
            X = space.embed(x) if biases else x
            rng = effort.rng("splitting", "duplicates", int(biases), m, k)
            end = descend(space.sample(rng), X, y, space=space)
            if end.certificate is not None and end.certificate.is_minimum:
                kinds["minima"] += 1
                parallel, same = mergeable(end.parametrization, X, biases)
                kinds["parallel"] += parallel
                kinds["same"] += same
        found[biases] = kinds
    for biases, key, predicted in (
        (False, "duplicates-without-biases", "10 to 30 % for their activation"),
        (True, "duplicates-with-biases", "almost none"),
    ):
        n, k, mixed = (found[biases][name] for name in ("minima", "parallel", "same"))
        yield claim(
            effort, MARTINELLI, "splitting", key,
            statement="Gradient flow from random starts ends on split neurons in 10 to 30 % of the "
            "runs without biases."
            if not biases
            else "With biases almost no run ends on split neurons.",
            data=f"A log-Rosenbrock function on a grid of {len(x)} points, networks of 2 to 5 "
            "ReLUs "
            f"{'with' if biases else 'without'} biases, {starts} starts each; {effort.seeded}.",
            computation="Descents from random starts to certified minima: how many have two active "
            "neurons of the same "
            "direction, and how many two of the same sign that are active on the same samples.",
            predicted=predicted,
            measured=f"same direction {k} of {n}, same active samples {mixed} of {n}",
            uncertainty=f"{interval(k, n)}; {interval(mixed, n)}",
            verdict=judged(biases and k <= 0.05 * n, Judgement.UNDECIDED),
            note="Their activation is sigmoid(4 x) + softplus(x), and their flow has no kinks: "
            "this is the analogue for "
            "ReLU. Neurons that are active on the same samples can be made parallel at the same "
            "loss.",
        )  # fmt: skip


def _channels(effort: Effort) -> Iterator[Claim]:
    count, reached, norms = 0, 0, []
    for k in range(effort.of(200, 10)):
        rng = effort.rng("splitting", "channels", k)
        d = int(rng.integers(2, 5))
        sixteenths = rng.integers(-40, 41, (14, d)).tolist()
        w, v, *x = (tuple(Fraction(p, 16) for p in row) for row in sixteenths)
        pairs = [(dot(w, row), dot(v, row)) for row in x]
        if all(a for a, _ in pairs):  # no sample on the gate
            count += 1
            size = max(abs(b / a) for a, b in pairs) + 1
            ends = [max(size * a + b, ZERO) - max(size * a, ZERO) for a, b in pairs]
            reached += ends == [b if a > 0 else ZERO for a, b in pairs]
    yield claim(
        effort, MARTINELLI, "splitting", "channels-on-finite-data",
        statement="Two neurons whose output weights grow with opposite signs while their "
        "directions merge end, at "
        "infinity, in a gated linear unit; with finite data ReLU landscapes have cusps in which "
        "the flow stays.",
        data=f"{count} random gates w and slopes v on 12 samples of 2 to 4 inputs, in sixteenths; "
        f"{effort.seeded}.",
        computation="Whether the limit 1[<w, x> > 0] <v, x> is attained on all samples by ρ(<K w + "
        "v, "
        "x>) - ρ(<K w, x>) "
        "with a finite K, in rationals.",
        predicted="For ReLU on finite data the limit is attained (values on a closed activation "
        "cell are a closed cone), so "
        "channels end at finite parameters.",
        measured=f"attained in {reached} of {count} cases",
        verdict=judged(reached == count),
        note="So on finite data no ReLU network is better at infinity than all finite ones; with "
        "infinite data there are "
        "channels, as the source says.",
    )  # fmt: skip
    for k in (1, 10, 100):
        # Balanced products (K + 1, 1, 1) and (K, 1, 1) of opposite signs, both in N*.
        function = RationalFunction(
            3,
            (
                (1, (Fraction(k + 1), Fraction(1), Fraction(1))),
                (-1, (Fraction(k), Fraction(1), Fraction(1))),
            ),
        )
        norms.append((k, function.seminorm()[0]))
    grows = all(2 * norm >= k + 1 for k, norm in norms)
    yield claim(
        effort, MARTINELLI, "splitting", "channels-in-the-restricted-space",
        statement="Along a channel the parameters diverge while the function converges. Does N* "
        "exclude that?",
        data="Products (K + 1, 1, 1) and (K, 1, 1) of opposite signs, K = 1, 10, 100; exact.",
        computation="The W^{1,∞} seminorm of the pair, in rationals.",
        predicted="at least half of the largest product, by which the gradient jumps: without "
        "bound",
        measured=", ".join(f"K = {k}: {norm}" for k, norm in norms),
        verdict=Judgement.CORRECTED if grows else Judgement.REFUTED,
        note="N* holds such pairs, so it does not exclude channels on data; but along each the "
        "W^{1,∞} seminorm of the "
        "function diverges, so a bound on the seminorm excludes them.",
    )  # fmt: skip


def _draw(counts: Counter, certified: Counter) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for kinked, name, style in (
        (False, "off all kinks", "o-"),
        (True, "on kinks with residuals", "s--"),
    ):
        share = [certified[kinked, f] / max(counts[kinked, f], 1) for f in FACTORS]
        axes.plot(
            range(len(FACTORS)),
            share,
            style,
            label=f"{name} ({counts[kinked, FACTORS[0]]} neurons)",
        )
    axes.set_xticks(range(len(FACTORS)), [f"{f:g}" for f in FACTORS])
    axes.set(xlabel="factor γ of the split", ylabel="certified local minima", ylim=(-0.05, 1.05))
    axes.legend(frameon=False)
    return figure
