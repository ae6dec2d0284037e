"""Do the paper's regularizers change what training finds? An experiment with paired starts.

Every arm trains the same random networks (those of the study's unrestricted space) with the same
budget of iterations, once with each regularizer; then the regularizer is switched off and
:func:`landscape.descend` goes on to a certified minimum of the mean squared error, so that end
points are comparable. Differences are taken start by start to the arm that an arm is held against.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import Parametrization
from landscape.probe import examine_minimum
from landscape.regularization import Balancing, Merging, Regularizer, Separation, Together
from landscape.rows import Row, column
from landscape.stability import degeneracies
from landscape.study.cells import Cell, Log, Task, quiet
from landscape.study.rows import MSE, UNDECIDED
from landscape.training import Fit, train, train_merging
from landscape.verdict import Verdict


class OfArm(Row):
    """Of one arm; such tables have no key, their rows keep the order of the arms."""

    dataset: str = column("Name of the data set in the config.")
    neurons: int = column("Neurons m of the network with biases.")

    arm: str = column("How it was trained.")
    strength: float = column("Of the penalty; missing for arms without one.")
    against: str = column("The arm that it is compared with; empty for the first.")


class ArmRun(OfArm):
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

    Examples
    --------
    >>> arms = make_arms([0.1], angle=15, merging_angle=5, every=50)
    >>> [arm.name for arm in arms][:5]
    ['none', 'balance', 'barrier', 'parallel', 'opposite']
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
    measures = {"trained_loss": fit.loss, "outcome": fit.outcome.name.lower()}
    for prefix, theta in (("trained_", fit.parametrization), ("", end.parametrization)):
        found = degeneracies(theta, space=task.space)
        measures |= {f"{prefix}{key}": value for key, value in found.items()}
    if end.verdict is Verdict.HOLDS:
        try:
            natural = task.ask(examine_minimum, end.parametrization)
            implication = natural.verdict.value
        except NUMERICAL_ERRORS:
            implication = "undecided"
    return ArmRun.copied(end, fit, natural, arm, **place, **measures, implication=implication)
