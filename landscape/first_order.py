"""The exact test of notes 6 at a point: one :class:`NeuronCheck` per neuron, and the offset.

Inside the region around u in which all pairs off their kinks keep their signs, the loss along a
ray is *exactly* ``L(u) + t f'(eta) + t^2/n sum_k (dR_k)^2``, and f' is the sum of the neurons' h.
So u is a local minimum iff every h is non-negative on the feasible directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem, State
from landscape.parametrization import max_norms
from landscape.stationarity import (
    Budget,
    KinkFunction,
    NeuronCheck,
    Verdict,
    check_neuron,
    merge_kinks,
    unexamined,
)

__all__ = ["STATIONARITY_TOLERANCE", "PointCheck", "check_point"]

Array = NDArray[np.float64]

#: A subgradient is zero when it is at most this times the sum of the sizes of its terms.
STATIONARITY_TOLERANCE = 1e-9


@dataclass(frozen=True)
class PointCheck:
    """The first-order test at a state.

    Attributes
    ----------
    verdict : Verdict
    neurons : list of NeuronCheck
    offset_residual, offset_tolerance : float
        ``|sum_k s_k l_k|`` and what counts as zero; 0 where there is no offset.
    kinks : array of bool, shape (n, m)
        The pairs that count as being on a kink.
    direction : array of shape (m, d) or None
        Direction in u along which the loss falls at first order.
    direction_offset : float
        Its component in e.
    slope : float
        Derivative of the loss along the direction (negative), 0 without one.
    """

    verdict: Verdict
    neurons: list[NeuronCheck]
    offset_residual: float
    offset_tolerance: float
    kinks: NDArray[np.bool_]
    direction: Array | None
    direction_offset: float
    slope: float

    @property
    def stationarity(self) -> float:
        """Largest residual of the first-order conditions, relative to the terms they sum."""
        ratios = [float(np.linalg.norm(check.residual)) / check.tolerance for check in self.neurons]
        if self.offset_tolerance > 0:
            ratios.append(self.offset_residual / self.offset_tolerance)
        return max(ratios, default=0.0) * STATIONARITY_TOLERANCE

    @property
    def reason(self) -> str:
        """Why the verdict is what it is."""
        for i, check in enumerate(self.neurons):
            if check.verdict is self.verdict and self.verdict is not Verdict.HOLDS:
                return f"neuron {i}: {check.reason}"
        if self.verdict is Verdict.VIOLATED:
            return "the derivative by the offset does not vanish"
        return "the first-order conditions hold for every neuron"


def tolerances(problem: EffectiveProblem, state: State, s: Array, z: Array) -> Array:
    """Per neuron, the norm of a subgradient that counts as zero, shape (m,)."""
    noise = 64 * np.finfo(float).eps * problem.term_sizes(state)
    terms = (STATIONARITY_TOLERANCE * np.abs(s) + noise) * problem.norms
    pull = STATIONARITY_TOLERANCE * np.linalg.norm(problem.pull(state.u), axis=1)
    if problem.penalty is not None:  # what is left of a neuron that the penalty took away
        rounding = 64 * np.finfo(float).eps * float(max_norms(state.u).max())
        pull += rounding * float(np.linalg.norm(problem.pull(np.ones_like(state.u[:1]))))
    concerned = (z > 0) | problem.kink_pairs(state, z)
    floor = np.finfo(float).tiny
    return np.maximum(terms @ concerned + pull, np.maximum(noise @ problem.norms * 1e-6, floor))


def kink_functions(
    problem: EffectiveProblem, state: State, s: Array, z: Array, tolerance: Array
) -> tuple[list[KinkFunction], NDArray[np.bool_]]:
    """The neurons' h (without the factor 2/n), and the pairs on kinks."""
    kinks = problem.kink_pairs(state, z)
    active = (z > 0) & ~kinks
    gradients = problem.signs[:, None] * ((active * s[:, None]).T @ problem.X)
    gradients += problem.pull(state.u)
    walls = np.empty((0, problem.X.shape[1]))
    if problem.bounded:
        at_lower, at_upper = problem.touched(state)
    functions = []
    for i, sign in enumerate(problem.signs):
        rows = np.flatnonzero(kinks[:, i])
        weights = sign * s[rows]
        # A residual of rounding size has no sign: as a kink weight it is zero.
        keep = np.abs(weights) * problem.norms[rows] * max(1, rows.size) > 0.25 * tolerance[i]
        if problem.bounded:
            eye = np.eye(problem.X.shape[1])
            walls = np.vstack([eye[at_lower[i]], -eye[at_upper[i]]])
        functions.append(merge_kinks(gradients[i], problem.X[rows[keep]], weights[keep], walls))
    return functions, kinks


def _some_descent(found: Mapping[int, NeuronCheck]) -> bool:
    return any(check.verdict is Verdict.VIOLATED for check in found.values())


def check_point(
    problem: EffectiveProblem,
    state: State,
    budget: Budget | None = None,
    instead: Mapping[int, NeuronCheck] | None = None,
    *,
    descent_only: bool = False,
) -> PointCheck:
    """Decide the first-order conditions at ``state``.

    Parameters
    ----------
    problem : EffectiveProblem
    state : State
    budget : Budget, optional
        For mixed kinks.
    instead : mapping of int to NeuronCheck, optional
        Checks of neurons that were decided by other means.
    descent_only : bool
        Leave mixed kinks, the expensive ones, unexamined once another neuron descends.
    """
    z = problem.preactivations(state)
    s = problem.residuals(state, z)
    tolerance = tolerances(problem, state, s, z)
    functions, kinks = kink_functions(problem, state, s, z, tolerance)
    found = dict(instead or {})
    for i in sorted(range(len(functions)), key=lambda i: bool((functions[i].weights < 0).any())):
        if i in found:
            continue
        mixed = bool((functions[i].weights < 0).any())
        if descent_only and mixed and _some_descent(found):
            found[i] = unexamined(functions[i], float(tolerance[i]))
        else:
            found[i] = check_neuron(functions[i], tolerance=float(tolerance[i]), budget=budget)
    checks = [found[i] for i in range(len(functions))]
    slope_offset, tolerance_offset = 0.0, 0.0
    if problem.column is not None:
        noise = 64 * np.finfo(float).eps * problem.term_sizes(state)
        slope_offset = float(s @ problem.column)
        tolerance_offset = float(
            (STATIONARITY_TOLERANCE * np.abs(s) + noise) @ np.abs(problem.column)
        )
    verdicts = [check.verdict for check in checks]
    if abs(slope_offset) > tolerance_offset:
        verdicts.append(Verdict.VIOLATED)
    if Verdict.VIOLATED in verdicts:
        verdict = Verdict.VIOLATED
    elif Verdict.UNDECIDED in verdicts:
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.HOLDS
    direction, direction_offset, slope = None, 0.0, 0.0
    if verdict is Verdict.VIOLATED:
        direction = np.zeros_like(state.u)
        for i, (check, h) in enumerate(zip(checks, functions, strict=True)):
            if check.direction is not None:
                direction[i] = check.direction
                slope += float(h(check.direction[None, :])[0])
        if abs(slope_offset) > tolerance_offset:
            direction_offset = -slope_offset
            slope -= slope_offset**2
        slope *= 2.0 / s.size
    return PointCheck(
        verdict,
        checks,
        abs(slope_offset),
        tolerance_offset,
        kinks,
        direction,
        direction_offset,
        slope,
    )
