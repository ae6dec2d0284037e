"""How far a fit is from the least loss of its width: a bracket of the global minimum.

With one feature, few neurons and few samples, each fit ends with a short one for a better network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landscape.bracket import GlobalBracket, bracket_global_minimum
from landscape.estimator._starts import End, FitData, run_start

#: Nodes of the branch and bound: seconds with one feature, a minute or so with more.
NODES = 200_000
#: Samples may be repeated up to so many rows, to give them their weights.
ROWS = 10_000
#: Sample weights are multiples of the smallest up to this share; the lower end pays for it.
ROUNDED = 1e-9
#: A network is better if it is lower by this share of the targets' mean square.
LOWER = 1e-9
#: With one feature, so few neurons of the space and samples, each fit looks for a better network:
#: starts of the bracket, and nodes times samples.
FEW, SHORT, STARTS, WORK = 8, 500, 60, 10**6


def improve_fit(problem: FitData, best: End, seed: int, number: int) -> End | None:
    """With one feature, few neurons and samples, a better end than the best, if one is found."""
    space, weights = problem.space, problem.samples.weights
    small = space.n_inputs - space.extra_inputs == 1 and space.n_neurons <= FEW
    plain = problem.solver == "smoothing" and problem.penalty is None and not problem.linear
    whole = problem.polish and not problem.left_out
    if not (small and plain and whole) or weights.max() > SHORT * weights.min():
        return None
    counts, off = repeats(weights)
    if off > ROUNDED or counts.sum() > SHORT:
        return None
    return _search(problem, best, seed, number, STARTS, WORK // int(counts.sum()))[1]


def bracket_fit(problem: FitData, best: End, seed: int, number: int) -> tuple[float, End | None]:
    """What no network of the space is below, in the data's units; a better end than the best.

    The lower end is in the loss that the fit minimizes. A count limits the search, no time.
    """
    counts, off = repeats(problem.samples.weights)
    if off > ROUNDED or counts.sum() > ROWS:
        raise ValueError(
            f"certify_global: expected sample weights that are multiples of the smallest one, "
            f"{ROWS} samples at most; multiply them out, or set certify_global=False"
        )
    return _search(problem, best, seed, number, 0, NODES)


def repeats(weights: NDArray[np.float64]) -> tuple[NDArray[np.intp], float]:
    """Rows instead of weights, up to a factor, and how far these are relatively off at most."""
    ratios = weights / weights.min()
    counts = np.rint(ratios).astype(int)
    return counts, float(np.abs(ratios / counts - 1).max())


def _search(
    problem: FitData, best: End, seed: int, number: int, n_starts: int, nodes: int
) -> tuple[float, End | None]:
    samples, (counts, off) = problem.samples, repeats(problem.samples.weights)
    bracket: GlobalBracket = bracket_global_minimum(
        np.repeat(samples.features(), counts, axis=0),
        np.repeat(samples.target, counts),
        space=problem.space,
        network=best.parametrization,
        time_limit=np.inf,
        node_limit=nodes,
        n_starts=n_starts,
    )
    # The weights are the counts but for their rounding, by which losses differ as well.
    better, lower = None, problem.in_units(bracket.lower * (1 - 2 * off))
    square = float(samples.weights @ samples.target**2)
    if problem.in_units(bracket.upper + LOWER * square) < best.row["loss"]:
        alone = replace(problem, solver="descent")
        better = run_start(alone, seed, number, number, bracket.network, "bracket")
    return lower, better
