"""The exact first-order test of a single neuron (notes 6).

It decides whether h(v) >= 0 for all feasible v, where

    h(v) = <g, v> + sum_k w_k relu(<v, x_k>)

is, up to the factor 2/n, the derivative of the loss in direction v of the neuron's product
coordinates: g collects its active samples, the x_k are the samples on its kink, and
``w_k = sigma s_k``. Because the loss is a piecewise quadratic, the neurons' h decide about a local
minimum *exactly*, there is no second-order condition left.

- Convex (all w_k >= 0): h >= 0 iff 0 is in the subdifferential, a bounded least squares problem.
- Mixed: a concave term is a minimum, ``-|w| relu(z) = min_{t in {0, 1}} -|w| t z``, so h >= 0 iff
  all the convex functions with fixed t are; or iff h >= 0 on the rays of the kink arrangement;
  or, for many kinks in many dimensions, by a mixed-integer program, up to its tolerance.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, lsq_linear, milp

from landscape.parametrization import group_directions, max_norms, unit_directions

__all__ = ["Budget", "KinkFunction", "NeuronCheck", "Verdict", "check_neuron", "merge_kinks"]

Array = NDArray[np.float64]


class Verdict(enum.StrEnum):
    """Outcome of a check; ``undecided`` is never folded into ``holds``."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Budget:
    """How much work a mixed check may take before it says ``undecided``.

    Attributes
    ----------
    max_vertices : int
        Bounded least squares problems, one for each choice of active concave kinks.
    max_rays : int
        Rays of the kink arrangement.
    milp_seconds : float
        Time limit of the mixed-integer program; 0 leaves it out (a result that depends on a time
        limit depends on the machine).
    milp_nodes : int
        Node limit of the mixed-integer program.
    milp_binaries : int
        Concave kinks, one binary variable each, beyond which it is not tried: with hundreds a
        limit of nodes does not keep it from taking minutes.
    """

    max_vertices: int = 64
    max_rays: int = 200_000
    milp_seconds: float = 0.0
    milp_nodes: int = 2_000
    milp_binaries: int = 60


@dataclass(frozen=True)
class KinkFunction:
    """h, with at most one kink per hyperplane, and the sides on which v is feasible.

    Attributes
    ----------
    gradient : array of shape (d,)
        g.
    kinks : array of shape (q, d)
        Non-zero, pairwise not parallel.
    weights : array of shape (q,)
        w.
    walls : array of shape (p, d)
        v is feasible iff ``walls @ v >= 0``: signed unit vectors of the active bounds.
    """

    gradient: Array
    kinks: Array
    weights: Array
    walls: Array

    def __call__(self, directions: Array) -> Array:
        """H at the rows of ``directions``."""
        rises = np.maximum(directions @ self.kinks.T, 0.0)
        return directions @ self.gradient + rises @ self.weights


@dataclass(frozen=True)
class NeuronCheck:
    """What the test found for one neuron.

    Attributes
    ----------
    verdict : Verdict
    kind : str
        ``"smooth"``, ``"convex kinks"`` or ``"mixed kinks"``.
    method : str
        How it was decided.
    residual : array of shape (d,)
        Distance of 0 from the subdifferential (convex) or the vector by which h misses 0: up to
        ``<residual, v>``, h is non-negative.
    tolerance : float
        Largest norm of ``residual`` that counts as zero.
    direction : array of shape (d,) or None
        v with h(v) < 0.
    slope : float
        h(v) / ‖v‖_inf at that direction, 0 without one.
    multipliers : array of shape (q,)
        Of the kinks, in [0, 1] (convex kinks only): 0 inactive side, 1 active side.
    reason : str
        For the user.
    """

    verdict: Verdict
    kind: str
    method: str
    residual: Array
    tolerance: float
    reason: str
    direction: Array | None = None
    slope: float = 0.0
    multipliers: Array = field(default_factory=lambda: np.empty(0))


def merge_kinks(
    gradient: Array, kinks: Array, weights: Array, walls: Array | None = None
) -> KinkFunction:
    """Merge parallel and opposite kink samples, drop those that contribute nothing.

    ``relu(<v, t x>) = t relu(<v, x>)`` for t > 0, and ``relu(-z) = relu(z) - z``.
    """
    g = np.array(gradient, dtype=float)
    if walls is None:
        walls = np.empty((0, g.size))
    if len(kinks) == 0:
        return KinkFunction(g, np.empty((0, g.size)), np.empty(0), walls)
    amounts = weights * max_norms(kinks)
    units = unit_directions(kinks)
    if len(kinks) == 1:
        firsts, merged = np.flatnonzero(amounts), amounts[amounts != 0]
        return KinkFunction(g, units[firsts], merged, walls)
    labels = group_directions(kinks, oriented=False)
    used = np.flatnonzero(labels >= 0)
    firsts, groups = np.unique(labels[used], return_inverse=True)
    merged = np.bincount(groups, weights=amounts[used], minlength=len(firsts))
    opposite = used[np.einsum("ij,ij->i", units[used], units[labels[used]]) < 0]
    g -= amounts[opposite] @ units[labels[opposite]]
    keep = merged != 0
    return KinkFunction(g, units[firsts[keep]], merged[keep], walls)


def check_neuron(h: KinkFunction, *, tolerance: float, budget: Budget | None = None) -> NeuronCheck:
    """Decide whether h(v) >= 0 for all feasible v.

    Parameters
    ----------
    h : KinkFunction
    tolerance : float
        Norm of a (sub)gradient that counts as zero, > 0.
    budget : Budget, optional
        For mixed kinks.

    Returns
    -------
    check : NeuronCheck
    """
    budget = budget or Budget()
    if len(h.weights) == 0 and len(h.walls) == 0:
        return _smooth(h, tolerance)
    if (h.weights > 0).all():
        return _convex(h, tolerance)
    return _mixed(h, tolerance, budget)


def unexamined(h: KinkFunction, tolerance: float) -> NeuronCheck:
    """The check of a neuron that was left out."""
    return NeuronCheck(
        Verdict.UNDECIDED,
        "mixed kinks",
        "none",
        np.zeros_like(h.gradient),
        tolerance,
        "not examined: another neuron descends",
    )


def _smooth(h: KinkFunction, tolerance: float) -> NeuronCheck:
    size = float(np.linalg.norm(h.gradient))
    if size <= tolerance:
        return NeuronCheck(
            Verdict.HOLDS, "smooth", "gradient", h.gradient, tolerance, "the gradient vanishes"
        )
    return _violated(
        h, "smooth", "gradient", -h.gradient, tolerance, "the gradient does not vanish"
    )


def _violated(
    h: KinkFunction, kind: str, method: str, direction: Array, tolerance: float, reason: str
) -> NeuronCheck:
    """A violation, if h is really negative there; otherwise rounding decides and we do not."""
    unit = direction / np.abs(direction).max()
    slope = float(h(unit[None, :])[0])
    if slope >= 0:
        return NeuronCheck(
            Verdict.UNDECIDED,
            kind,
            method,
            direction,
            tolerance,
            "the candidate direction does not descend: below rounding",
        )
    return NeuronCheck(
        Verdict.VIOLATED, kind, method, direction, tolerance, reason, direction, slope
    )


def subgradient(h: KinkFunction, gradient: Array, convex: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Shortest element of the subdifferential of the convex part, and the kinks' multipliers.

    Minimizes ``‖gradient + sum_k w_k t_k x_k - walls^T mu‖_2`` over 0 <= t <= 1, mu >= 0. The
    negative of the result is the steepest feasible descent direction.
    """
    columns = np.vstack([h.weights[convex, None] * h.kinks[convex], -h.walls]).T
    n_kinks = int(convex.sum())
    if columns.shape[1] == 0:
        return gradient, np.empty(0)
    upper = np.concatenate([np.ones(n_kinks), np.full(len(h.walls), np.inf)])
    # Independent columns, the usual case, often have their multipliers inside the bounds.
    t = np.asarray(np.linalg.lstsq(columns, -gradient, rcond=1e-12)[0], dtype=float)
    if not ((t >= 0) & (t <= upper)).all():
        with np.errstate(all="ignore"):  # it divides by the step of variables that do not move
            solution = lsq_linear(
                columns, -gradient, bounds=(np.zeros(upper.size), upper), method="bvls", tol=1e-15
            )
        # Whatever it returns, the residual is recomputed: it cannot hold by mistake.
        t = np.clip(np.nan_to_num(solution.x), 0.0, upper)
    return gradient + columns @ t, t[:n_kinks]


def _convex(h: KinkFunction, tolerance: float) -> NeuronCheck:
    residual, t = subgradient(h, h.gradient, h.weights > 0)
    if float(np.linalg.norm(residual)) <= tolerance:
        return NeuronCheck(
            Verdict.HOLDS,
            "convex kinks",
            "multipliers",
            residual,
            tolerance,
            "0 is in the subdifferential",
            multipliers=t,
        )
    check = _violated(
        h, "convex kinks", "multipliers", -residual, tolerance, "0 is not in the subdifferential"
    )
    return NeuronCheck(**{**check.__dict__, "multipliers": t})


def _mixed(h: KinkFunction, tolerance: float, budget: Budget) -> NeuronCheck:
    """Concave kinks among the others: look for a descent first, then prove that there is none."""
    concave: NDArray[np.bool_] = h.weights < 0
    n_concave = int(concave.sum())
    largest = np.zeros_like(h.gradient)
    # Every choice t in {0, 1} of the concave kinks bounds h from above: one with a non-zero
    # shortest subgradient shows a descent. All of them together decide.
    for t in _choices(h, concave, budget.max_vertices):
        gradient = h.gradient + (h.weights[concave] * t) @ h.kinks[concave]
        residual, _ = subgradient(h, gradient, ~concave)
        size = float(np.linalg.norm(residual))
        if size > tolerance:
            return _violated(
                h,
                "mixed kinks",
                "vertices",
                -residual,
                tolerance,
                "a choice of concave kinks descends",
            )
        if size > np.linalg.norm(largest):
            largest = residual
    if 2**n_concave <= budget.max_vertices:
        return NeuronCheck(
            Verdict.HOLDS,
            "mixed kinks",
            "vertices",
            largest,
            tolerance,
            f"no choice among {2**n_concave} of active concave kinks descends",
        )
    return _rays(h, tolerance, budget)


def _choices(h: KinkFunction, concave: NDArray[np.bool_], limit: int) -> Array:
    """All choices t in {0, 1}^C of active concave kinks, or some; likely descents first."""
    n = int(concave.sum())
    # Choices that are attained by directions v: axes, gradient, the kinks' own normals.
    v = np.vstack([np.eye(h.gradient.size), h.gradient[None, :], h.kinks])
    v = np.vstack([v, -v])
    lengths = np.linalg.norm(v, axis=1)
    v = v[np.argsort(h(v) / np.where(lengths > 0, lengths, 1.0))]
    t = np.vstack([v[:limit] @ h.kinks[concave].T > 0, np.zeros((1, n)), np.ones((1, n))])
    if 2**n <= limit:
        t = np.vstack([t, (np.arange(2**n)[:, None] >> np.arange(n)) & 1])
    _, first = np.unique(t, axis=0, return_index=True)
    return np.asarray(t[np.sort(first)], dtype=float)


def _rays(h: KinkFunction, tolerance: float, budget: Budget) -> NeuronCheck:
    """H is linear on the cells of its kinks' arrangement: non-negative iff so on its rays."""
    rows = np.vstack([h.kinks, h.walls])
    _, singular, basis = np.linalg.svd(rows, full_matrices=False)
    rank = int((singular > 1e-12 * singular[0]).sum())
    basis = basis[:rank]
    outside = h.gradient - basis.T @ (basis @ h.gradient)
    if float(np.linalg.norm(outside)) > tolerance:
        return _violated(
            h, "mixed kinks", "rays", -outside, tolerance, "h falls along a direction of no kink"
        )
    count = comb(len(rows), rank - 1)
    if 2 * count > budget.max_rays:
        return _milp(h, tolerance, budget, 2 * count)
    reduced = rows @ basis.T
    lowest, witness = 0.0, None
    subsets = combinations(range(len(rows)), rank - 1)
    while batch := list(islice(subsets, 20_000)):
        rays = _normals(reduced[np.array(batch, dtype=int).reshape(len(batch), -1)])
        rays = np.vstack([rays, -rays]) @ basis
        if len(h.walls):
            rays = rays[(rays @ h.walls.T >= -1e-12).all(axis=1)]
        if len(rays) == 0:
            continue
        slopes = h(rays)
        k = int(np.argmin(slopes))
        if slopes[k] < lowest:
            lowest, witness = float(slopes[k]), rays[k]
    if witness is not None and lowest < -tolerance:
        return _violated(
            h, "mixed kinks", "rays", witness, tolerance, "h falls along a ray of its kinks"
        )
    # Cells are generated by their rays and the lineality space: h >= lowest * (coefficients).
    return NeuronCheck(
        Verdict.HOLDS,
        "mixed kinks",
        "rays",
        np.zeros_like(h.gradient) if witness is None else lowest * witness,
        tolerance,
        f"h is non-negative on all {2 * count} rays of its kinks",
    )


def _normals(subsets: Array) -> Array:
    """Unit vectors orthogonal to r - 1 rows in R^r each, from shape (b, r - 1, r) to (b', r).

    Dependent subsets are left out: their flats are spanned by others.
    """
    r = subsets.shape[2]
    if r == 1:
        return np.ones((1, 1))
    if r == 2:
        row = subsets[:, 0]
        return np.column_stack([-row[:, 1], row[:, 0]]) / np.linalg.norm(row, axis=1)[:, None]
    scaled = subsets / np.linalg.norm(subsets, axis=2)[:, :, None]
    if r == 3:
        normals = np.cross(scaled[:, 0], scaled[:, 1])
        size = np.linalg.norm(normals, axis=1)
        return normals[size > 1e-12] / size[size > 1e-12, None]
    _, singular, right = np.linalg.svd(scaled, full_matrices=True)
    return right[singular[:, -1] > 1e-12 * singular[:, 0], -1]


#: Mixed-integer solvers work with feasibility tolerances of about this size.
MILP_TOLERANCE = 1e-6


def _milp(h: KinkFunction, tolerance: float, budget: Budget, n_rays: int) -> NeuronCheck:
    """Minimize h over the box ‖v‖_inf <= 1 with one binary variable per concave kink."""

    def undecided(reason: str) -> NeuronCheck:
        return NeuronCheck(
            Verdict.UNDECIDED,
            "mixed kinks",
            "budget",
            np.zeros_like(h.gradient),
            tolerance,
            f"{len(h.weights)} mixed kinks in {h.gradient.size} dimensions ({n_rays} rays, budget "
            f"{budget.max_rays}): {reason}",
        )

    if budget.milp_nodes <= 0:
        return undecided("the mixed-integer program is switched off")
    concave = h.weights < 0
    d, q = h.gradient.size, len(h.weights)
    n_concave = int(concave.sum())
    if n_concave > budget.milp_binaries:
        return undecided(f"too many for a mixed-integer program ({n_concave} concave ones)")
    scale = float(np.abs(h.weights).max() * np.abs(h.kinks).sum(axis=1).max())
    sizes = np.abs(h.kinks).sum(axis=1)
    # Variables: v (d), relu values p (q), binaries b (n_concave).
    cost = np.concatenate([h.gradient, h.weights, np.zeros(n_concave)]) / scale
    lower = np.concatenate([-np.ones(d), np.zeros(q + n_concave)])
    upper = np.concatenate([np.ones(d), sizes, np.ones(n_concave)])
    eye = np.eye(q)
    select = np.zeros((q, n_concave))
    select[np.flatnonzero(concave), np.arange(n_concave)] = 1.0
    # Convex: p >= <v, x>. Concave: p <= <v, x> + size (1 - b), p <= size b.
    rise = np.hstack([-h.kinks, eye, np.zeros((q, n_concave))])[~concave]
    cap = np.hstack([-h.kinks, eye, select * sizes[:, None]])[concave]
    switch = np.hstack([np.zeros((q, d)), eye, -select * sizes[:, None]])[concave]
    constraints = [
        LinearConstraint(cap, -np.inf, sizes[concave]),
        LinearConstraint(switch, -np.inf, 0.0),
    ]
    if len(rise):
        constraints.append(LinearConstraint(rise, 0.0, np.inf))
    if len(h.walls):
        walls = np.hstack([h.walls, np.zeros((len(h.walls), q + n_concave))])
        constraints.append(LinearConstraint(walls, 0.0, np.inf))
    options: dict[str, float] = {"node_limit": budget.milp_nodes, "mip_rel_gap": 0.0}
    if budget.milp_seconds > 0:
        options["time_limit"] = budget.milp_seconds
    integrality = np.concatenate([np.zeros(d + q), np.ones(n_concave)])
    result = milp(
        cost,
        integrality=integrality,
        bounds=Bounds(lower, upper),
        constraints=constraints,
        options=options,
    )
    if result.x is not None:
        v = result.x[:d]
        if len(h.walls):
            v = v + np.maximum(0.0, -(h.walls @ v)) @ h.walls
        if float(h(v[None, :])[0]) < -tolerance * max(1.0, float(np.linalg.norm(v))):
            return _violated(
                h, "mixed kinks", "milp", v, tolerance, "a mixed-integer program found a descent"
            )
    bound = getattr(result, "mip_dual_bound", None)
    if bound is None or bound < -MILP_TOLERANCE:
        return undecided(f"the mixed-integer program stopped first ({result.message})")
    return NeuronCheck(
        Verdict.HOLDS,
        "mixed kinks",
        "milp",
        np.full(d, min(0.0, float(bound)) * scale / d),
        MILP_TOLERANCE * scale,
        "a mixed-integer program found no descent",
    )
