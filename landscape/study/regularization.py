"""Do the paper's regularizers change what training finds? An experiment with paired starts.

Every arm trains the same random networks (those of the study's unrestricted space) with the same
budget of iterations, once with each regularizer; then the regularizer is switched off and
:func:`landscape.descend` goes on to a certified minimum of the mean squared error, so that end
points are comparable. Differences are taken start by start to the arm that an arm is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import Parametrization
from landscape.pipeline import Task
from landscape.probe import examine_minimum
from landscape.regularization import (
    Balancing,
    Merging,
    Regularizer,
    Separation,
    Together,
)
from landscape.rows import Row, column
from landscape.spaces import UnrestrictedSpace
from landscape.stability import degeneracies
from landscape.streams import stream
from landscape.study.cells import Cell, Progress, quiet
from landscape.study.rows import MSE, UNDECIDED
from landscape.training import Fit, train_merging
from landscape.verdict import Verdict

__all__ = ["Arm", "ArmRun", "Comparison", "compare_arms", "make_arms", "run_arms"]

Array = NDArray[np.float64]

#: Losses within this factor of the best certified one count as having reached it.
BEST_TOLERANCE = 1e-6
#: ... and within this as having come near it.
NEAR_TOLERANCE = 1e-2
#: What is compared between arms: differences of means over all starts ...
MEASURES = (
    "trained_loss",
    "loss",
    "trained_imbalance",
    "imbalance",
    "trained_cosine",
    "cosine",
    "trained_opposite_cosine",
    "opposite_cosine",
    "trained_flip_gap",
    "flip_gap",
)
#: ... and of shares.
SHARES = ("best", "near_best", "certified", "spare", "silent", "redundant", "opposite", "violated")


class _OfArm(Row):
    """Of one arm; such tables have no key, their rows keep the order of the arms."""

    dataset: str = column("Name of the data set in the config.")
    neurons: int = column("Neurons m of the network with biases.")

    arm: str = column("How it was trained.")
    strength: float = column("Of the penalty; missing for arms without one.")
    against: str = column("The arm that it is compared with; empty for the first.")


class ArmRun(_OfArm):
    """One start in one arm: trained with its regularizer, then descended without."""

    name = "regularization_runs"
    start: int = column("Index of the start.")
    outcome: str = column("How training ended.")
    n_iter: int = column("Iterations of the solver.", path=True)
    n_merged: int = column("Neurons that were merged into others.")
    trained_loss: float = column("Loss after training.", MSE)
    trained_imbalance: float = column("Mean relative imbalance of the neurons, trained.")
    trained_imbalance_max: float = column("Its largest, trained.")
    trained_distance: float = column("Distance to N', trained.")
    trained_cosine: float = column("Largest cosine of two directions, trained.")
    trained_opposite_cosine: float = column("Smallest one, trained.")
    trained_flip_gap: float = column("Flip gap relative to the largest product, trained.")
    loss: float = column("Loss after descent.", MSE)
    imbalance: float = column("Mean relative imbalance of the neurons.")
    imbalance_max: float = column("Its largest.")
    distance: float = column("Distance to N'.")
    cosine: float = column("Largest cosine of two directions.")
    opposite_cosine: float = column("Smallest one.")
    flip_gap: float = column("Flip gap relative to the largest product.")
    verdict: str = column("Exact test of local minimality of the end.", default=UNDECIDED)
    n_silent: int = column("Silent neurons; -1 where no minimum is certified.", default=-1)
    n_spare: int = column("Spare neurons; likewise.", default=-1)
    n_redundant: int = column("Pairs of the same direction; likewise.", default=-1)
    n_opposite: int = column("Pairs of opposite directions; likewise.", default=-1)
    implication: str = column("Proposition 1.2's implication; likewise.", default="")


class Comparison(_OfArm):
    """One measure of one arm against its counterpart, on the same starts."""

    name = "regularization"
    measure: str = column("What is compared.")
    n: int = column("Starts with a value in both arms.")
    mean: float = column("Mean in this arm.")
    reference: float = column("Mean in the other arm.")
    difference: float = column("Mean paired difference.")
    low: float = column("Lower end of its bootstrap interval.")
    high: float = column("Upper end.")
    n_less: int = column("Starts with a lower value in this arm.")
    n_more: int = column("Starts with a higher one.")
    p: float = column("Of the two-sided sign test, where one is made.")
    p_holm: float = column("The same, adjusted after Holm over all comparisons.", default=np.nan)


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Attributes
    ----------
    name, strength : str, float
        nan for arms without a penalty.
    against : str
        The arm that it is compared with.
    regularizer : Regularizer or None
    merging : Merging or None
    balanced_start : bool
        Whether the start is balanced first, which changes no value of the network.
    max_iter_factor : int
        Times the experiment's limit of iterations.
    """

    name: str
    strength: float = np.nan
    against: str = "none"
    regularizer: Regularizer | None = None
    merging: Merging | None = None
    balanced_start: bool = False
    max_iter_factor: int = 1


def make_arms(
    strengths: Sequence[float], *, angle: float, merging_angle: float, every: int
) -> list[Arm]:
    """The arms of the experiment; angles in degrees.

    Controls tell a penalty's effect from others: ``start`` balances the start and has no penalty;
    ``none-long`` and ``balance-long`` have ten times the iterations. Merging trains in rounds, and
    a round starts the solver again: merging arms are held against ``rounds``, which merges exactly
    parallel neurons only, that is practically never.

    Examples
    --------
    >>> arms = make_arms([0.1], angle=15, merging_angle=5, every=50)
    >>> [arm.name for arm in arms][:5]
    ['none', 'balance', 'barrier', 'parallel', 'opposite']
    """
    theta, phi = np.deg2rad(angle), np.deg2rad(merging_angle)
    kinds: dict[str, Callable[[float], Regularizer]] = {
        "balance": Balancing,
        "barrier": lambda strength: Separation(strength, theta, barrier=True),
        "parallel": lambda strength: Separation(strength, theta),
        "opposite": lambda strength: Separation(strength, theta, opposite=True),
        "all": lambda strength: Together(
            (
                Balancing(strength),
                Separation(strength, theta, barrier=True),
                Separation(strength, theta, opposite=True),
            )
        ),
    }
    arms = [Arm("none")]
    arms += [Arm(name, s, regularizer=make(s)) for name, make in kinds.items() for s in strengths]
    arms += [
        Arm("start", balanced_start=True),
        Arm("none-long", max_iter_factor=10),
        *(
            Arm("balance-long", s, "none-long", Balancing(s), max_iter_factor=10)
            for s in strengths[1:]
        ),
        Arm("rounds", merging=Merging(0.0, every)),
        Arm("merge", against="rounds", merging=Merging(phi, every)),
        Arm("merge-reseed", against="rounds", merging=Merging(phi, every, reseeded=True)),
    ]
    return arms


def run_arms(
    cell: Cell,
    arms: Sequence[Arm],
    *,
    starts: int,
    solver: str,
    max_iter: int,
    tol: float,
    progress: Progress = quiet,
) -> list[ArmRun]:
    """Train every start in every arm, descend, certify, and measure.

    Returns
    -------
    list of ArmRun
        One per arm and start.
    """
    task, rows = cell.task("unrestricted"), []
    for arm in arms:
        for start in range(starts):
            theta = task.embed(cell.start(start)[0])
            if arm.balanced_start:
                last = Parametrization(theta.weights[-1:], theta.output_weights[-1:])
                hidden = Parametrization(theta.weights[:-1], theta.output_weights[:-1])
                theta = Parametrization.concatenate([hidden.balance(), last])
            common: dict[str, Any] = {
                "solver": solver,
                "max_iter": max_iter * arm.max_iter_factor,
                "tol": tol,
                "regularizer": arm.regularizer,
            }
            if arm.merging is None:
                fit = task.train(theta, **common)
            else:
                assert isinstance(task.space, UnrestrictedSpace)
                fit = train_merging(
                    theta, task.X, task.y, space=task.space, merging=arm.merging, **common
                )
            rows.append(
                ArmRun(
                    **cell.place,
                    arm=arm.name,
                    strength=arm.strength,
                    against=arm.against,
                    start=start,
                    outcome=fit.outcome.name.lower(),
                    n_iter=fit.n_iter,
                    n_merged=fit.n_merged,
                    **_end(fit, task),
                )
            )
        best = min(row.loss for row in rows[-starts:])
        progress(f"{arm.name} {arm.strength:g}: best loss {best:.6g}")
    return rows


def _end(fit: Fit, task: Task) -> dict[str, Any]:
    """Measures at the trained point, and after the descent without a regularizer."""
    row: dict[str, Any] = {"trained_loss": fit.loss}
    trained = degeneracies(fit.parametrization, space=task.space)
    row |= {f"trained_{key}": value for key, value in trained.items()}
    end = task.end(fit.parametrization)
    row |= {"loss": end.loss, "verdict": end.verdict.value}
    if end.verdict is Verdict.HOLDS:
        try:
            natural = examine_minimum(end.parametrization, task.X, task.y, space=task.space)
            counts = ("n_silent", "n_spare", "n_redundant", "n_opposite")
            row |= {key: getattr(natural, key) for key in counts}
            row["implication"] = natural.verdict.value
        except NUMERICAL_ERRORS:
            row["implication"] = "undecided"
    return {**row, **degeneracies(end.parametrization, space=task.space)}


def compare_arms(
    runs: Iterable[ArmRun], *, seed: int, n_resamples: int = 4000, level: float = 0.95
) -> list[Comparison]:
    """Each arm against its counterpart on the same starts.

    For every measure the mean, the mean paired difference, and its percentile bootstrap interval
    over starts (the same resamples for all arms of a cell). For the loss, the trained loss and the
    shares an exact two-sided sign test over the starts that differ (for shares that is McNemar's
    test), ``p``; ``p_holm`` is adjusted over all comparisons of that measure, in all cells. Values
    that differ relatively by less than 1e-6 are ties. A start counts for ``best`` if its minimum
    is certified and relatively within 1e-6 of the lowest certified loss of any arm of the cell, for
    ``near_best`` if its loss is within 1 %; for ``spare``, ``silent``, ``redundant``, ``opposite``
    and ``violated`` if its minimum is certified and has the property.

    Raises
    ------
    ValueError
        If the arms of a cell have different starts.
    """
    cells: dict[tuple[str, int], dict[tuple[str, float], list[ArmRun]]] = {}
    for row in runs:
        key = (row.arm, -1.0 if np.isnan(row.strength) else row.strength)
        cell = cells.setdefault((row.dataset, row.neurons), {})
        cell.setdefault(key, []).append(row)
    found: list[Comparison] = []
    for (dataset, neurons), by_arm in cells.items():
        groups = {key: sorted(rows, key=lambda row: row.start) for key, rows in by_arm.items()}
        starts = [[row.start for row in rows] for rows in groups.values()]
        if any(indices != starts[0] for indices in starts):
            raise ValueError(f"runs: the arms of {dataset}, m = {neurons} have different starts")
        values = _values(groups)
        n = len(starts[0])
        rng = stream(seed, "bootstrap", dataset, neurons)
        resamples = rng.integers(0, n, (n_resamples, n))
        tail = 50.0 * (1.0 - level)
        for (arm, strength), rows in groups.items():
            against = rows[0].against
            for measure, own in values[arm, strength].items():
                other = values[against, -1.0][measure]
                # Ends that differ by rounding only are the same.
                slack = BEST_TOLERANCE * np.maximum(np.abs(own), np.abs(other))
                differences = np.where(np.abs(own - other) <= slack, 0.0, own - other)
                usable = np.isfinite(differences)
                low, high = _interval(differences, usable, resamples, tail)
                less, more = int(np.sum(differences < 0)), int(np.sum(differences > 0))
                tested = measure in (*SHARES, "loss", "trained_loss")
                p = binomtest(less, less + more).pvalue if less + more else 1.0
                found.append(
                    Comparison(
                        dataset=dataset,
                        neurons=neurons,
                        arm=arm,
                        strength=rows[0].strength,
                        against=against if (arm, against) != ("none", "none") else "",
                        measure=measure,
                        n=int(usable.sum()),
                        mean=_mean(own[usable]),
                        reference=_mean(other[usable]),
                        difference=_mean(differences[usable]),
                        low=low,
                        high=high,
                        n_less=less,
                        n_more=more,
                        p=float(p) if tested else np.nan,
                    )
                )
    return _adjusted(found)


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else np.nan


def _values(
    groups: Mapping[tuple[str, float], Sequence[ArmRun]],
) -> dict[tuple[str, float], dict[str, Array]]:
    """Measures and indicators of all arms of a cell, start by start."""
    certified = [row.loss for rows in groups.values() for row in rows if row.verdict == "holds"]
    lowest = min(certified, default=-np.inf)
    values = {}
    for arm, rows in groups.items():
        own = {name: np.array([getattr(row, name) for row in rows]) for name in MEASURES}
        holds = np.array([row.verdict == "holds" for row in rows])
        own["best"] = (holds & (own["loss"] <= lowest * (1 + BEST_TOLERANCE))).astype(float)
        own["near_best"] = (own["loss"] <= lowest * (1 + NEAR_TOLERANCE)).astype(float)
        own["certified"] = holds.astype(float)
        for name in ("spare", "silent", "redundant", "opposite"):
            own[name] = np.array([float(getattr(row, f"n_{name}") > 0) for row in rows])
        own["violated"] = np.array([float(row.implication == "violated") for row in rows])
        values[arm] = own
    return values


def _interval(
    differences: Array, usable: NDArray[np.bool_], resamples: NDArray[np.int64], tail: float
) -> tuple[float, float]:
    """Percentile bootstrap of the mean; starts without a value are left out of each resample."""
    if not usable.any():
        return np.nan, np.nan
    counts = usable[resamples].sum(axis=1)
    sums = np.where(usable, differences, 0.0)[resamples].sum(axis=1)
    low, high = np.percentile(sums[counts > 0] / counts[counts > 0], [tail, 100.0 - tail])
    return float(low), float(high)


def _adjusted(rows: list[Comparison]) -> list[Comparison]:
    """With Holm's adjustment of p over all comparisons of a measure."""
    rows = list(rows)
    for measure in {row.measure for row in rows}:
        places = [
            k
            for k, row in enumerate(rows)
            if row.measure == measure and row.against and np.isfinite(row.p)
        ]
        largest = 0.0
        for k, place in enumerate(sorted(places, key=lambda k: rows[k].p)):
            largest = max(largest, min(1.0, (len(places) - k) * rows[place].p))
            rows[place] = replace(rows[place], p_holm=largest)
    return rows
