"""Do the paper's regularizers change what training finds? An experiment with paired starts.

Every arm trains the same random networks (those of the study's unrestricted space) with the same
budget of iterations, once with each regularizer; then the regularizer is switched off and
:func:`landscape.descend` goes on to a certified minimum of the mean squared error, so that end
points are comparable. :func:`compare_arms` takes differences start by start to the arm that an arm
is held against.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from landscape.data import DataError
from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import Parametrization
from landscape.probe import examine_minimum
from landscape.regularization import Balancing, Merging, Regularizer, Separation, Together
from landscape.rows import Row, column, frame_of
from landscape.stability import degeneracies
from landscape.streams import stream
from landscape.study.cells import Array, Cell, Log, Task, quiet
from landscape.study.rows import DATASET, MSE, UNDECIDED
from landscape.training import Fit, train, train_merging

#: Losses within this factor of the best certified one count as having reached it.
BEST_TOLERANCE = 1e-6
#: ... and within this as having come near it.
NEAR_TOLERANCE = 1e-2
#: What is compared between arms: differences of means over all starts ...
MEASURES = [
    f"{when}{what}"
    for what in ("loss", "imbalance", "cosine", "opposite_cosine", "flip_gap")
    for when in ("trained_", "")
]
#: ... and of shares.
SHARES = ("best", "near_best", "certified", "spare", "silent", "redundant", "opposite", "violated")
#: What a sign test is made of.
TESTED = (*SHARES, "loss", "trained_loss")


class ArmRun(Row):
    """One start in one arm: trained with its regularizer, then descended without.

    Such rows have no key: they keep the order of the arms.
    """

    name = "regularization_runs"
    dataset: str = column(DATASET)
    neurons: int = column("Neurons m of the network with biases.")
    arm: str = column("How it was trained.")
    strength: float = column("Of the penalty; missing for arms without one.")
    against: str = column("The arm that it is compared with; empty for the first.")
    start: int = column("Index of the start.")
    trained_loss: float = column("Loss after training.", MSE)
    trained_imbalance: float = column("Mean relative imbalance of the neurons, trained.")
    trained_cosine: float = column("Largest cosine of two directions, trained.")
    trained_opposite_cosine: float = column("Smallest one, trained.")
    trained_flip_gap: float = column("Flip gap relative to the largest product, trained.")
    loss: float = column("Loss after descent.", MSE)
    imbalance: float = column("Mean relative imbalance of the neurons.")
    cosine: float = column("Largest cosine of two directions.")
    opposite_cosine: float = column("Smallest one.")
    flip_gap: float = column("Flip gap relative to the largest product.")
    verdict: str = column("Exact test of local minimality of the end.", default=UNDECIDED)
    n_silent: int = column("Silent neurons; -1 where no minimum is certified.", default=-1)
    n_spare: int = column("Spare neurons; likewise.", default=-1)
    n_redundant: int = column("Pairs of the same direction; likewise.", default=-1)
    n_opposite: int = column("Pairs of opposite directions; likewise.", default=-1)
    implication: str = column("Proposition 1.2's implication; likewise.", default="")


@dataclass(frozen=True)
class Arm:
    """One way of training, and the one that it is compared with.

    ``strength`` is nan for arms without a penalty, ``balanced_start`` balances the start first,
    which changes no value of the network.
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
    """
    theta, phi = np.deg2rad(angle), np.deg2rad(merging_angle)
    kinds: dict[str, Callable[[float], Regularizer]] = {
        "balance": Balancing,
        "barrier": lambda s: Separation(s, theta, barrier=True),
        "parallel": lambda s: Separation(s, theta),
        "opposite": lambda s: Separation(s, theta, opposite=True),
        "all": lambda s: Together(tuple(kinds[k](s) for k in ("balance", "barrier", "opposite"))),
    }
    longer = partial(Arm, max_iter_factor=10)
    return [
        Arm("none"),
        *(Arm(name, s, regularizer=make(s)) for name, make in kinds.items() for s in strengths),
        Arm("start", balanced_start=True),
        longer("none-long"),
        *(longer("balance-long", s, "none-long", Balancing(s)) for s in strengths[1:]),
        Arm("rounds", merging=Merging(0.0, every)),
        Arm("merge", against="rounds", merging=Merging(phi, every)),
        Arm("merge-reseed", against="rounds", merging=Merging(phi, every, reseeded=True)),
    ]


def run_arms(
    cell: Cell, arms: Sequence[Arm], *, starts: int, solver: str, max_iter: int, tol: float,
    progress: Log = quiet,
) -> list[ArmRun]:  # fmt: skip
    """Train every start in every arm, descend, certify, and measure: a row per arm and start."""
    if cell.objective:
        raise DataError(
            "regularization: the paper's regularizers are compared for the squared loss without "
            "weight decay only; use a config without `loss` and `weight_decay`"
        )
    task, rows = cell.task("unrestricted"), []
    for arm in arms:
        for start in range(starts):
            theta = task.embed(cell.start(start)[0])
            if arm.balanced_start:
                a, c = theta.weights, theta.output_weights
                hidden, last = Parametrization(a[:-1], c[:-1]), Parametrization(a[-1:], c[-1:])
                theta = Parametrization.concatenate([hidden.balance(), last])
            run: Any = partial(train_merging, merging=arm.merging) if arm.merging else train
            limits = {"max_iter": max_iter * arm.max_iter_factor, "tol": tol}
            fit = task.ask(run, theta, solver=solver, regularizer=arm.regularizer, **limits)
            place = {**cell.place, "arm": arm.name, "start": start}
            rows.append(_row(arm, place, task, fit))
        best = min(row.loss for row in rows[-starts:])
        progress(f"{arm.name} {arm.strength:g}: best loss {best:.6g}")
    return rows


def _row(arm: Arm, place: dict[str, Any], task: Task, fit: Fit) -> ArmRun:
    """Measures at the trained point, and after the descent without a regularizer."""
    end, natural, implication = task.end(fit.parametrization), None, ""
    measures = {"trained_loss": fit.loss}
    for prefix, theta in (("trained_", fit.parametrization), ("", end.network)):
        found = degeneracies(theta, space=task.space)
        measures |= {f"{prefix}{key}": value for key, value in found.items()}
    if end.verdict == "holds":
        try:
            natural = task.ask(examine_minimum, end.network)
            implication = natural.verdict.value
        except NUMERICAL_ERRORS:
            implication = "undecided"
    here = SimpleNamespace(**measures, implication=implication)
    return ArmRun.copied(here, end, natural, arm, **place)


def compare_arms(runs: Iterable[ArmRun], *, seed: int, n_resamples: int = 4000) -> Any:
    """Each arm against its counterpart on the same starts: a data frame.

    For every measure the ``n`` starts with a value in both arms, ``mean``, the other's mean
    ``reference``, the mean paired ``difference``, and its percentile bootstrap interval of 95 %
    over starts, ``low`` to ``high`` (the same resamples for all arms of a cell). For the loss, the
    trained loss and the shares an exact two-sided sign test over the ``n_less`` and ``n_more``
    starts that differ (for shares McNemar's test), ``p``; ``p_holm`` is adjusted over all
    comparisons of that measure, in all cells. Values that differ relatively by less than 1e-6 are
    ties. A start counts for ``best`` if its minimum is certified and relatively within 1e-6 of the
    lowest certified loss of any arm of the cell, for ``near_best`` if its loss is within 1 %; for
    ``spare``, ``silent``, ``redundant``, ``opposite`` and ``violated`` if its minimum is certified
    and has the property. ValueError if the arms of a cell have different starts.
    """
    import pandas as pd  # half a second, which the jobs that run arms do not need

    cells: Any = frame_of(ArmRun, runs).groupby(["dataset", "neurons"], sort=False)
    found: list[dict[str, Any]] = []
    for (dataset, neurons), cell in cells:
        holds, loss = cell["verdict"] == "holds", cell["loss"]
        lowest = float(loss[holds].min())
        counts = ("spare", "silent", "redundant", "opposite")
        cell = cell.assign(
            strength=cell["strength"].fillna(-1.0),
            best=holds & (loss <= lowest * (1 + BEST_TOLERANCE)),
            near_best=loss <= lowest * (1 + NEAR_TOLERANCE),
            certified=holds,
            violated=cell["implication"] == "violated",
            **{name: cell[f"n_{name}"] > 0 for name in counts},
        ).sort_values("start", kind="stable")
        arms = dict(list(cell.groupby(["arm", "strength"], sort=False)))
        starts = [own["start"].to_list() for own in arms.values()]
        if any(indices != starts[0] for indices in starts):
            raise ValueError(f"runs: the arms of {dataset}, m = {neurons} have different starts")
        rng = stream(seed, "bootstrap", dataset, neurons)
        resamples = rng.integers(0, len(starts[0]), (n_resamples, len(starts[0])))
        for (arm, strength), own in arms.items():
            against = own["against"].iloc[0]
            compared = against if (arm, against) != ("none", "none") else ""
            size = np.nan if strength < 0 else strength
            place = {"dataset": dataset, "neurons": neurons, "arm": arm, "strength": size}
            for measure in (*MEASURES, *SHARES):
                mine, other = own[measure], arms[against, -1.0][measure]
                row = _compared(measure, mine.to_numpy(float), other.to_numpy(float), resamples)
                found.append({**place, "against": compared, "measure": measure, **row})
    table: Any = pd.DataFrame(found).assign(p_holm=np.nan)
    for _, own in table[table["against"] != ""].groupby("measure"):
        p = own["p"].dropna().sort_values(kind="stable")
        steps = np.maximum.accumulate(np.arange(len(p), 0, -1) * p)
        table.loc[p.index, "p_holm"] = np.minimum(1.0, steps)
    return table


def _compared(
    measure: str, mine: Array, other: Array, resamples: NDArray[np.int64]
) -> dict[str, Any]:
    """One measure, start by start, with a percentile bootstrap of the mean difference.

    Starts without a value are left out of each resample.
    """
    # Ends that differ by rounding only are the same.
    slack = BEST_TOLERANCE * np.maximum(np.abs(mine), np.abs(other))
    differences = np.where(np.abs(mine - other) <= slack, 0.0, mine - other)
    usable = np.isfinite(differences)
    row: dict[str, Any] = {"n": int(usable.sum())}
    for name, values in (("mean", mine), ("reference", other), ("difference", differences)):
        row[name] = float(values[usable].mean()) if usable.any() else np.nan
    low = high = np.nan
    if usable.any():
        found = usable[resamples].sum(axis=1)
        sums = np.where(usable, differences, 0.0)[resamples].sum(axis=1)
        low, high = np.percentile(sums[found > 0] / found[found > 0], [2.5, 97.5])
    less, more = int(np.sum(differences < 0)), int(np.sum(differences > 0))
    p = float(binomtest(less, less + more).pvalue) if less + more else 1.0
    row |= {"low": float(low), "high": float(high), "n_less": less, "n_more": more}
    return row | {"p": p if measure in TESTED else np.nan}
