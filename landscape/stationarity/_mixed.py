"""Concave kinks among the others: look for a descent first, then prove that there is none.

Every choice t in {0, 1} of active concave kinks bounds h from above by a convex function, whose
steepest descent is a bounded least squares problem; all choices together decide. Where these are
too many, choices of likely directions are tried, and those of single concave kinks: with hundreds
of kinks in ten dimensions, at the apex (0, ..., 0, t, t) of a neuron for example, nearly every
sample is an extreme point of the others, so that a direction turns it on alone.
"""

import numpy as np

from landscape.rounding import Array, gamma
from landscape.stationarity._convex import check_transfers, neighbours, subgradient
from landscape.stationarity._rays import Arrangement, check_rays
from landscape.stationarity._records import Budget, KinkFunction, NeuronCheck, decided, violated
from landscape.streams import stream
from landscape.verdict import Verdict

#: Rays that take less time than a few least squares problems, and than linear programs.
VERY_FEW_RAYS = 2_000
FEW_RAYS = 20_000

#: Choices that are tried where they are too many, and steps that make a descent steeper.
LIKELY = 24
ROUNDS = 10
#: Descents of which the steepest is taken.
COMPARED = 6


def check_mixed(h: KinkFunction, allowed: Array, budget: Budget) -> NeuronCheck:
    """Decide about h, the cheap ways before the expensive ones."""
    n_concave = int((h.weights < 0).sum())
    rays, check = Arrangement.of(h, allowed), None
    if rays.outside is not None:
        return violated(h, "rays", -rays.outside, "h falls along a direction of no kink")
    if rays.number <= VERY_FEW_RAYS:
        check = check_rays(h, allowed, rays, budget)
        if check is not None and check.direction is not None:
            steeper = violated(h, "rays", _steeper(h, check.direction), check.reason)
            check = steeper if steeper.verdict is Verdict.VIOLATED else check
    if check is None:
        choices = likely_choices(h)
        decide = n_concave < 60 and 2**n_concave <= budget.max_vertices
        if decide:
            every = (np.arange(2**n_concave)[:, None] >> np.arange(n_concave)) & 1
            choices = _distinct(np.vstack([choices, every]))
        check = check_choices(h, allowed, choices if decide else choices[:LIKELY], decide=decide)
    if check is None and rays.number <= min(FEW_RAYS, budget.max_rays):
        check = check_rays(h, allowed, rays, budget)
    if check is None:
        check = check_choices(h, allowed, np.eye(n_concave))
    if check is None and n_concave * (len(h.weights) - n_concave) <= budget.max_transfers:
        check = check_transfers(h, allowed)
    if check is None and FEW_RAYS < rays.number <= budget.max_rays:
        check = check_rays(h, allowed, rays, budget)
    reason = (
        f"{n_concave} concave kinks in {rays.rank} dimensions, {rays.number} rays: no descent "
        "found, no proof that there is none"
    )
    return check or NeuronCheck.undecided(h, "search", reason)


def check_choices(
    h: KinkFunction, allowed: Array, choices: Array, *, decide: bool = False
) -> NeuronCheck | None:
    """A steep descent for one of the choices (b, C) of active concave kinks; None if none is found.

    ``decide`` says that these are all choices: then they decide.
    """
    concave = h.weights < 0
    found: list[Array] = []
    gradients = h.gradient + (h.weights[concave] * choices) @ h.kinks[concave]
    largest, bounds = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
    while len(gradients) and len(found) < COMPARED:
        residual, multipliers, _ = subgradient(h, gradients[0], ~concave, allowed)
        # Most of the other choices hold with nearly the same multipliers.
        others, values = neighbours(h, gradients, ~concave, multipliers)
        held = np.asarray((np.abs(others) <= allowed).all(axis=1))
        others[0], values[0], held[0] = residual, multipliers, True
        if not (np.abs(residual) <= allowed).all():
            found.append(-residual)
        largest = np.maximum(largest, np.abs(others[held]).max(axis=0))
        if len(bounds):
            bounds = np.maximum(bounds, values[held, -len(bounds) :].max(axis=0))
        gradients = gradients[~held]
    if found:
        direction = _steeper(h, min(found, key=lambda v: _slope(h, v)))
        check = violated(h, "vertices", direction, "a choice of concave kinks descends")
        return check if decide or check.verdict is Verdict.VIOLATED else None
    if not decide:
        return None
    # Multipliers are at most 1, those of the bounds at most ``bounds``.
    rounding = gamma(len(h.weights) + len(bounds) + 2) * (h.terms + bounds @ np.abs(h.bounds))
    reason = f"no choice among {2 ** int(concave.sum())} of active concave kinks descends"
    return decided(h, "vertices", reason, largest + rounding, bounds)


def _slope(h: KinkFunction, v: Array) -> float:
    """Relative to what changes on the kinks' samples: whatever their units are."""
    size = float(np.linalg.norm(h.kinks @ v) + np.linalg.norm(h.bounds @ v))
    return float(h(v[None, :])[0]) / max(size, 1e-300)


def _steeper(h: KinkFunction, v: Array) -> Array:
    """The steepest descent for the concave kinks that are active along v, and so on."""
    concave = h.weights < 0
    _, singular, right = np.linalg.svd(np.vstack([h.kinks, h.bounds]), full_matrices=False)
    used = singular > 1e-12 * singular[0]
    back = right[used].T / singular[used]
    white = KinkFunction(h.gradient @ back, h.kinks @ back, h.weights, h.bounds @ back)
    for _ in range(ROUNDS):
        active = h.weights[concave] * (h.kinks[concave] @ v > 0)
        gradient = white.gradient + active @ white.kinks[concave]
        ahead = -back @ subgradient(white, gradient, ~concave, np.zeros_like(gradient))[0]
        if _slope(h, ahead) >= _slope(h, v) - 0.05 * abs(_slope(h, v)):
            break
        v = ahead
    return v


def likely_choices(h: KinkFunction) -> Array:
    """Distinct choices (b, C) along the axes, gradient, kinks and random directions, best first."""
    d = h.gradient.size
    tries = stream(0, "stationarity", "directions").standard_normal((200, d))
    named = np.vstack([np.eye(d), h.gradient[None, :], h.kinks])
    v = np.vstack([named, -named, tries / np.abs(h.kinks).max(axis=0, initial=1e-300)])
    v = v[(v @ h.bounds.T >= 0).all(axis=1) & v.any(axis=1)]
    reach = np.linalg.norm(v @ np.vstack([h.kinks, h.bounds]).T, axis=1)
    v = v[np.argsort(h(v) / np.where(reach > 0, reach, np.inf), kind="stable")]
    return _distinct(np.where(v @ h.kinks[h.weights < 0].T > 0, 1.0, 0.0))


def _distinct(choices: Array) -> Array:
    """Without repetitions, in the same order."""
    _, first = np.unique(choices, axis=0, return_index=True)
    return np.asarray(choices[np.sort(first)], dtype=float)
