"""Where training ends.

Gradient descent from He's initialization is said to leave the kinks of one-input networks where
they start, so that it fits a line on either side; and training is said to end on kinks. Both are
looked at with certificates of the ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import t as student

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.descent import descend
from landscape.minima import Certificate, certify_minimum
from landscape.rounding import Array
from landscape.spaces import make_space
from landscape.verdict import Judgement

HOLZMUELLER = Source("Holzmueller, Steinwart 2022", "arXiv:2002.04861", "abstract")
YUN = Source("Yun, Sra, Jadbabaie 2019", "arXiv:1809.10858", "yes")

#: Inputs, neurons, samples of table 1 of Yun et al., and the mean number of pairs on a kink there.
TABLE = {
    (10, 1, 1000): 7.25,
    (10, 1, 10_000): 9.275,
    (100, 1, 1000): 36.3,
    (100, 1, 10_000): 74.4,
}


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    return Found([*_stuck(effort), *_kinks(effort)])


def train(x: Array, y: Array, m: int, steps: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Gradient descent on a network with one input from He's initialization: a, b, c, e."""
    a, b = np.sqrt(2.0) * rng.standard_normal(m), np.zeros(m)
    c, e = np.sqrt(2.0 / m) * rng.standard_normal(m), 0.0
    # Below the inverse of the largest curvature, which m neurons of this size have about.
    rate = 0.25 / (1.0 + float((a**2).sum() * np.mean(x**2) / 2 + (c**2).sum() * np.mean(x**2)))
    for _ in range(steps):
        z = np.outer(x, a) + b
        h = np.maximum(z, 0.0)
        s = (h @ c + e - y) / len(y)
        back = (s[:, None] * (z > 0)) * c
        a, b, c, e = (
            a - 2 * rate * (x @ back),
            b - 2 * rate * back.sum(axis=0),
            c - 2 * rate * (s @ h),
            e - 2 * rate * s.sum(),
        )
    return a, b, c, np.array(e)


def _targets(x: Array, centred: bool, rng: np.random.Generator) -> Array:
    """A cosine with noise; centred: its least squares lines go through the origin on both sides."""
    y = np.cos(4 * x) + 0.1 * rng.standard_normal(len(x))
    for side in (x < 0, x > 0) if centred else ():
        y[side] += abs(rng.standard_normal()) * np.abs(x[side]) - np.polyval(
            np.polyfit(x[side], y[side], 1), x[side]
        )
    return y


def _stuck(effort: Effort) -> Iterator[Claim]:
    n, runs, steps = 20, effort.of(60, 2), effort.of(5000, 300)
    cases = [(True, m) for m in ((16, 64, 256) if not effort.quick else (16,))]
    cases += [] if effort.quick else [(False, 256)]
    kept, ends = dict.fromkeys(cases, 0), []
    for centred, m in cases:
        for run in range(runs):
            rng = effort.rng("training-ends", "stuck", int(centred), m, run)
            x = np.concatenate([rng.uniform(-2, -1, n // 2), rng.uniform(1, 2, n // 2)])
            y = _targets(x, centred, rng)
            a, b, c, e = train(x, y, m, steps, rng)
            if (np.abs(b) < np.abs(a) * np.abs(x).min()).all():  # no kink at a sample or beyond
                kept[centred, m] += 1
                if centred:
                    ends.append(_nearby(x, y, a, b, c, float(e)))
    own = {case: count for case, count in kept.items() if case[0]}
    others = "".join(
        f" Targets whose lines do not go through the origin, {m} neurons: {count} of {runs}."
        for (centred, m), count in kept.items()
        if not centred
    )
    data = (
        f"{n} samples, uniform in [-2, -1] and [1, 2], targets cos(4 x) with noise 0.1, on either "
        "side of zero less their "
        f"least squares line and plus a line through the origin; {runs} runs for each width; "
        f"{effort.seeded}."
    )
    yield claim(
        effort, HOLZMUELLER, "training-ends", "kinks-stay-where-they-start",
        statement="From He's initialization, gradient descent does not move the biases far from "
        "zero, for a class of one-input "
        "distributions, with high probability; so it ends at a bad local minimum.",
        data=data,
        computation=f"{steps:,} steps of gradient descent: runs in which no kink has reached a "
        "sample.",
        predicted="almost all runs of wide networks",
        measured="; ".join(f"{m} neurons: {count} of {runs}" for (_, m), count in own.items()),
        uncertainty="; ".join(interval(count, runs) for count in own.values()),
        verdict=judged([*own.values()][-1] >= 0.9 * runs, Judgement.UNDECIDED),
        note=f"The conditions of the source on distributions were not read.{others}",
    )  # fmt: skip
    good = sum(end.is_minimum and end.loss < lines * (1 + 1e-9) for _, end, lines in ends)
    losses = [lines for *_, lines in ends] or [np.nan]
    yield claim(
        effort, HOLZMUELLER, "training-ends", "stuck-runs-are-near-bad-minima",
        statement="What is found is a local minimum that is essentially a linear regression.",
        data=f"The ends of the row above whose kinks stayed; {effort.seeded}.",
        computation="Certificate of the network next to the end, with one neuron of each side "
        "moved, that has the least "
        "squares lines on both sides of zero; largest change of a parameter.",
        predicted="certified local minima with the loss of two lines",
        measured=f"{good} of {len(ends)}; loss {min(losses):.3g} to {max(losses):.3g}; median "
        "distance of the end "
        f"{np.median([far for far, *_ in ends] or [np.nan]):.2g}",
        uncertainty=interval(good, max(len(ends), 1)),
        verdict=judged(good > 0.9 * len(ends), Judgement.UNDECIDED),
        note="Both sides have samples here, so the fit has two lines; a network with n / 2 more "
        "kinks would interpolate.",
    )  # fmt: skip


def _nearby(
    x: Array, y: Array, a: Array, b: Array, c: Array, e: float
) -> tuple[float, Certificate, float]:
    """The network with the least squares lines on either side: its distance, certificate, loss."""
    a, b, rest = a.copy(), b.copy(), np.zeros(len(x))
    far = 0.0
    for side in (x < 0, x > 0):
        own = np.flatnonzero((a > 0) == (x[side][0] > 0))
        i = int(own[np.argmax(np.abs(c[own]))])
        wanted = np.polyfit(x[side], y[side], 1)
        rest[side] = np.polyval(wanted, x[side]) - y[side]
        slope = (wanted[0] - (c[own] @ a[own])) / c[i]
        bias = (wanted[1] - e - (c[own] @ b[own])) / c[i]
        far = max(far, abs(slope), abs(bias))
        a[i], b[i] = a[i] + slope, b[i] + bias
    space = make_space("unrestricted", 1, len(a))
    theta = space.from_network(a[:, None], b, c, e)
    certificate = certify_minimum(theta, space.embed(x[:, None]), y, space=space)
    return far, certificate, float(np.mean(rest**2))


def _kinks(effort: Effort) -> Iterator[Claim]:
    sizes = TABLE if not effort.quick else {(10, 1, 1000): TABLE[10, 1, 1000]}
    for (d, m, n), published in sizes.items():
        runs = effort.of(40 if d * n < 10**6 else 10, 3)  # a run of the largest takes 10 s
        counts, minima = [], 0
        for run in range(runs):
            rng = effort.rng("training-ends", "kinks", d, m, n, run)
            x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
            space = make_space("unrestricted", d, m)
            a, c = rng.standard_normal((m, d)) / np.sqrt(d), rng.standard_normal(m)
            start = space.from_network(a, np.zeros(m), c, 0.0)
            end = descend(start, space.embed(x), y, space=space)
            if end.certificate is not None and end.certificate.is_minimum:
                minima += 1
                counts.append(end.certificate.n_kinks)
        mean = float(np.mean(counts))
        half = float(
            student.ppf(0.975, len(counts) - 1) * np.std(counts, ddof=1) / np.sqrt(len(counts))
        )
        inside = abs(mean - published) <= half
        yield claim(
            effort, YUN, "training-ends", f"kinks-{d}-{m}-{n}",
            statement=f"Training on gaussian data ({d} inputs, {m} neuron, {n} samples, table 1) "
            "ends on many kinks: so many pairs "
            "of a neuron and a sample on the mean of 40 runs.",
            data=f"Gaussian inputs and targets, {runs} runs; {effort.seeded}.",
            computation="Descent from random starts to certified local minima: pairs that are "
            "exactly on a kink.",
            predicted=f"{published:g}",
            measured=f"{mean:.3g} on the mean of {minima} certified minima",
            uncertainty=f"{mean - half:.3g} to {mean + half:.3g} (Student, 95 %)",
            verdict=judged(inside, Judgement.CORRECTED if mean > 0.5 else Judgement.REFUTED),
            note="The source counted pairs within 1e-5 at the ends of Adam; here they are exactly "
            "on the kinks of certified minima"
            + (
                ", which another optimizer reached."
                if inside
                else ", which another optimizer reached, and the mean differs: "
                "ends on kinks are confirmed, the number depends on the optimizer."
            ),
        )  # fmt: skip
