"""Students and teachers on gaussian inputs.

A student with k neurons, output weights 1 and no biases learns the sum of k ReLUs in orthonormal
directions, on infinitely many gaussian inputs. The population loss and its gradient have a closed
form. How often does gradient descent end at a spurious minimum, at which losses, and does one more
neuron help? And do the spurious minima survive on finite samples?
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from landscape.claims.registry import (
    Claim,
    Effort,
    Found,
    Source,
    bounds,
    claim,
    interval,
    intervals,
    judged,
)
from landscape.descent import descend
from landscape.parametrization import Parametrization
from landscape.rounding import Array
from landscape.spaces import UnrestrictedSpace
from landscape.verdict import Judgement

SAFRAN = Source("Safran, Shamir 2018", "arXiv:1712.08968", "abstract")
YEHUDAI = Source(
    "Safran, Yehudai, Shamir 2021", "arXiv:2006.01005", "the description of its published data"
)

CAPTION = """Share of the runs of gradient descent from random starts that end at a spurious minimum
of the population loss, with 95 % intervals, for students as wide as the teacher and with one neuron
more."""

#: A loss above this is spurious: the least spurious one is far above, global minima are far below.
SPURIOUS = 1e-3
#: Descent goes on until the gradient's norm is below this, or the loss no longer spurious.
STATIONARY = 1e-5
#: The least eigenvalue of a Hessian that counts as positive; differences are good to 1e-8.
CURVED = 1e-4
#: The entries of a minimum for k = 7 as published with the source: diagonal, and off it.
SEVEN = [-0.6327039049] + [0.2616910758] * 6 + [0.1859910463] * 6
SEVEN += [0.9969227988] * 6 + [-0.0350801559] * 30


def kernel(w: Array, v: Array) -> tuple[Array, Array]:
    """``E relu(<w_i, x>) relu(<v_j, x>)`` by the arc-cosine kernel, and ``sum_j`` of its gradients.

    Of shapes (..., m, k) and (..., m, d); the gradients are those by ``w_i`` for fixed ``v_j``.
    """
    a, b = (np.linalg.norm(u, axis=-1) for u in (w, v))
    inner = w @ np.swapaxes(v, -1, -2)
    sizes = a[..., :, None] * b[..., None, :]
    cosine = np.clip(inner / sizes, -1.0, 1.0)
    rest, sine = np.pi - np.arccos(cosine), np.sqrt(1.0 - cosine**2)
    values = sizes * (sine + rest * cosine) / (2 * np.pi)
    slope = (sine * b[..., None, :]).sum(axis=-1) / a
    return values, (slope[..., None] * w + rest @ v) / (2 * np.pi)


def risk(w: Array) -> tuple[Array, Array]:
    """``E (sum_i relu(<w_i, x>) - sum_j relu(x_j))^2 / 2`` of students (..., m, k), gradient."""
    teacher = np.broadcast_to(np.eye(w.shape[-1]), (*w.shape[:-2], w.shape[-1], w.shape[-1]))
    own, pull = kernel(w, w)
    cross, push = kernel(w, teacher)
    total = kernel(teacher, teacher)[0].sum(axis=(-1, -2))
    loss = (own.sum(axis=(-1, -2)) - 2 * cross.sum(axis=(-1, -2)) + total) / 2
    return loss, pull - push


class Runs(NamedTuple):
    """Runs of gradient descent, and the lowest spurious end with its loss and least curvature."""

    spurious: int
    unfinished: int  #: Neither near 0 nor at a minimum when the steps ended.
    total: int
    end: Array | None = None
    loss: float = np.nan
    curvature: float = np.nan

    @property
    def bounds(self) -> tuple[float, float]:
        """A 95 % interval for the share of spurious ends, whatever the unfinished ones become."""
        high = bounds(self.spurious + self.unfinished, self.total)[1]
        return bounds(self.spurious, self.total)[0], high


def descend_all(k: int, extra: int, count: int, steps: int, rng: np.random.Generator) -> Runs:
    """Gradient descent with steps 5/k from gaussian starts of variance 1/k."""
    w = rng.standard_normal((count, k + extra, k)) / np.sqrt(k)
    ends: list[Array] = []
    for step in range(steps):
        loss, slope = risk(w)
        if step % 50 == 0:
            still = np.linalg.norm(slope, axis=(-1, -2)) < STATIONARY
            ends += [*w[still & (loss > SPURIOUS)]]
            going = ~still & (loss > SPURIOUS)
            w, slope = w[going], slope[going]
        if not len(w):
            break
        w = w - 5 / k * slope
    # Where the least curvature is not positive the run was passing a saddle point.
    minima = [end for end in ends if np.linalg.eigvalsh(_hessian(end))[0] > CURVED]
    unfinished = len(w) + len(ends) - len(minima)
    if not minima:
        return Runs(0, unfinished, count)
    end = _polish(min(minima, key=lambda end: float(risk(end)[0])))
    curvature = float(np.linalg.eigvalsh(_hessian(end))[0])
    return Runs(len(minima), unfinished, count, end, float(risk(end)[0]), curvature)


def _polish(w: Array) -> Array:
    """Newton's steps from a point next to a minimum."""
    for _ in range(3):
        step = np.linalg.lstsq(_hessian(w), risk(w)[1].ravel(), rcond=None)[0]
        w = w - step.reshape(w.shape)
    return w


def _hessian(w: Array) -> Array:
    """By central differences of the gradient."""
    steps = 1e-5 * np.eye(w.size).reshape(-1, *w.shape)
    found = (risk(w + steps)[1] - risk(w - steps)[1]).reshape(w.size, -1) / 2e-5
    return np.asarray((found + found.T) / 2)


def escape(w: Array) -> float:
    """By how much the loss falls next to the student with one of its neurons halved and doubled.

    The two halves are moved apart, along the direction of least curvature, by a twentieth.
    """
    falls = []
    for i in range(len(w)):
        wide = np.vstack([w, w[i] / 2])
        wide[i] /= 2
        steps = np.zeros((w.shape[1], *wide.shape))
        steps[:, i] = 1e-3 * np.eye(w.shape[1])
        steps[:, -1] = -steps[:, i]
        pull = risk(wide + steps)[1] - risk(wide - steps)[1]
        _, vectors = np.linalg.eigh(pull[:, i] - pull[:, -1])
        apart = np.zeros_like(wide)
        apart[i], apart[-1] = 0.05 * vectors[:, 0], -0.05 * vectors[:, 0]
        falls.append(float(risk(wide)[0] - min(risk(wide + apart)[0], risk(wide - apart)[0])))
    return max(falls)


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    sizes = [6, 7, 8, 10, 12, 15, 20] if not effort.quick else [6, 10]
    runs = {}
    for k in sizes:
        count = effort.of(400 if k <= 10 else 60, 16)
        for extra in (0, 1):
            rng = effort.rng("population", k, extra)
            runs[k, extra] = descend_all(k, extra, count, effort.of(6000, 1200), rng)
    claims = [*_claims(effort, runs)]
    if not effort.quick:
        claims.append(_seven(effort, runs[7, 0]))
    return Found([*claims, _saddles(effort, runs), _finite(effort, runs)], partial(_draw, runs))


def _claims(effort: Effort, runs: dict[tuple[int, int], Runs]) -> Iterator[Claim]:
    own = {k: run for (k, extra), run in runs.items() if not extra}
    starts = " or ".join(map(str, sorted({run.total for run in own.values()})))
    data = f"Population loss in closed form, {starts} starts for each k; {effort.seeded}."
    computation = (
        "Gradient descent with steps 5/k from gaussian starts of variance 1/k, until the "
        "gradient's norm is below 1e-5 or the loss below 1e-3; then the Hessian and Newton's steps."
    )
    met = {k: run for k, run in own.items() if run.spurious}
    positive = all(run.curvature > CURVED for run in met.values())
    yield claim(
        effort, SAFRAN, "population", "spurious-minima-from-k-6",
        statement="For 6 <= k <= 20 there are spurious local minima.",
        data=data,
        computation=f"{computation} Least eigenvalue of the Hessian at the lowest spurious end.",
        predicted="spurious ends with a positive definite Hessian for k = 6, ..., 20",
        measured="; ".join(
            f"k = {k}: loss {run.loss:.5f}, least eigenvalue {run.curvature:.3g}"
            for k, run in met.items()
        )
        or "none met",
        uncertainty="double precision; Hessian by differences, good to about 1e-8",
        verdict=judged(
            bool(met) and positive and (effort.quick or len(met) >= len(own) - 1),
            Judgement.UNDECIDED,
        ),
        note="Losses are halves of expected squares. Sizes where no run met one: "
        f"{', '.join(str(k) for k in own if k not in met) or 'none'}.",
    )  # fmt: skip
    shares = {k: run.bounds for k, run in own.items()}
    first, last = min(shares), max(shares)
    yield claim(
        effort, SAFRAN, "population", "spurious-minima-grow-with-k",
        statement="The probability of ending at a spurious minimum is high, and grows with the "
        "size of the network.",
        data=data,
        computation=computation,
        predicted="the share grows with k",
        measured=_shares(own),
        uncertainty=intervals(shares.values()),
        verdict=judged(shares[first][1] < shares[last][0], Judgement.UNDECIDED),
        note=f"Confirmed if the intervals of k = {first} and k = {last} are apart.",
    )  # fmt: skip
    wide = {k: run for (k, extra), run in runs.items() if extra}
    compared = [k for k, (low, _) in shares.items() if low > 0.02]
    fewer = bool(compared) and all(wide[k].bounds[1] < shares[k][0] for k in compared)
    halved = [
        k for k in compared if 2 * wide[k].spurious * own[k].total < own[k].spurious * wide[k].total
    ]
    verdict = judged(halved == compared, Judgement.CORRECTED) if fewer else Judgement.UNDECIDED
    yield claim(
        effort, SAFRAN, "population", "one-neuron-more-helps",
        statement="Mild over-parametrization drastically reduces the spurious minima that are met.",
        data=data,
        computation=f"{computation} Students with k + 1 neurons.",
        predicted="much smaller shares than with k neurons",
        measured=_shares(wide),
        uncertainty=intervals(run.bounds for run in wide.values()),
        verdict=verdict,
        note="Confirmed if the intervals are below those of k neurons and the shares less than "
        "half, "
        "wherever these exceed 2 %. Less than half: "
        f"{', '.join(f'k = {k}' for k in halved) or 'nowhere'}; not: "
        f"{', '.join(f'k = {k}' for k in compared if k not in halved) or 'nowhere'}.",
    )  # fmt: skip


def _shares(runs: dict[int, Runs]) -> str:
    """The share of spurious ends for each k."""
    return ", ".join(f"k = {k}: {100 * run.spurious / run.total:.3g} %" for k, run in runs.items())


def _saddles(effort: Effort, runs: dict[tuple[int, int], Runs]) -> Claim:
    falls = {
        k: escape(run.end) for (k, extra), run in runs.items() if run.end is not None and not extra
    }
    low = sum(fall > 1e-7 for fall in falls.values())
    return claim(
        effort, YEHUDAI, "population", "one-neuron-more-makes-saddles",
        statement="Adding a single neuron turns a minimum that is not global into a saddle point.",
        data=f"The lowest spurious minimum of each k above; {effort.seeded}.",
        computation="One neuron is replaced by two halves of it, a point with the same function; "
        "the halves are moved apart by "
        "0.05 along the direction of least curvature. By how much the loss falls, for the best "
        "neuron.",
        predicted="it falls",
        measured=", ".join(f"k = {k}: {fall:.2g}" for k, fall in falls.items()) or "none met",
        uncertainty="double precision, rounding about 1e-15",
        verdict=judged(0 < low == len(falls), Judgement.UNDECIDED),
        note="In the model with fixed output weights. By Theorem 33 a half and a half of a ReLU "
        "stay a minimum on finite samples, "
        "up to a distance that vanishes as samples become dense.",
    )  # fmt: skip


def _seven(effort: Effort, run: Runs) -> Claim:
    far = np.inf if run.end is None else np.abs(np.sort(run.end.ravel()) - np.sort(SEVEN)).max()
    return claim(
        effort, YEHUDAI, "population", "the-minimum-of-k-7",
        statement="For k = 7 the spurious minimum that is met, up to permutations, has five "
        "different entries (given to ten "
        "digits).",
        data=f"Population loss in closed form; {effort.seeded}.",
        computation="The entries of the lowest spurious end, sorted, against the published ones.",
        predicted=", ".join(f"{p:.10f}" for p in dict.fromkeys(SEVEN)),
        measured=f"largest difference {far:.1e}, loss {run.loss:.7f}",
        uncertainty="digits of the source 5e-11, of the descent about 1e-8",
        verdict=judged(bool(far < 1e-7), Judgement.UNDECIDED),
    )  # fmt: skip


def _finite(effort: Effort, runs: dict[tuple[int, int], Runs]) -> Claim:
    k, n, trials = effort.of(8, 10), effort.of(3000, 400), effort.of(10, 1)
    start = np.eye(k) if runs[k, 0].end is None else runs[k, 0].end
    assert start is not None
    space, found = UnrestrictedSpace(k, k), []
    for trial in range(trials):
        X = effort.rng("population", "samples", trial).standard_normal((n, k))
        y = np.maximum(X, 0).sum(axis=1)
        theta = Parametrization(start, np.ones(k))
        end = descend(theta, X, y, space=space)
        if end.certificate is not None and end.certificate.is_minimum and end.loss > SPURIOUS:
            found.append((np.abs(end.parametrization.products - start).max(), end.loss / 2))
    losses, far = [loss for _, loss in found] or [np.nan], [d for d, _ in found] or [np.nan]
    return claim(
        effort, SAFRAN, "population", "finite-samples",
        statement="Spurious minima exist for gaussian inputs. On finite samples too?",
        data=f"{trials} sets of {n} gaussian samples in {k} dimensions, targets of the teacher; "
        f"{effort.seeded}.",
        computation="Descent from the population's minimum to a certified local minimum of the "
        "empirical loss.",
        predicted=f"a spurious local minimum near it; population loss {float(risk(start)[0]):.5f}",
        measured=f"{len(found)} of {trials} ends are certified and spurious; largest distance of a "
        "product "
        f"{max(far):.3g}; halved loss {min(losses):.5f} to {max(losses):.5f}",
        uncertainty=interval(len(found), trials),
        verdict=judged(len(found) == trials, Judgement.UNDECIDED),
        note="Output weights may change here, their signs not: the products are what the source "
        "optimizes.",
    )  # fmt: skip


def _draw(runs: dict[tuple[int, int], Runs]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for extra, name, style in ((0, "k neurons", "o"), (1, "k + 1 neurons", "s")):
        own = {k: run for (k, more), run in runs.items() if more == extra}
        share = np.array([run.spurious / run.total for run in own.values()])
        ends = np.array([run.bounds for run in own.values()]).T
        errors = np.abs(ends - share)
        axes.errorbar([*own], share, errors, fmt=style, capsize=3, label=name)
    axes.set(xlabel="k", ylabel="runs that end at a spurious minimum", ylim=(-0.03, 1.03))
    axes.legend(frameon=False)
    return figure
