"""How far a fit is from the least loss of its width: a bracket of the global minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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


def bracket_fit(problem: FitData, best: End, seed: int, number: int) -> tuple[float, End | None]:
    """What no network of the space is below, in the data's units; a better end than the best.

    The lower end is in the loss that the fit minimizes. A count limits the search, no time.
    """
    samples = problem.samples
    ratios = samples.weights / samples.weights.min()
    counts = np.rint(ratios).astype(int)
    off = float(np.abs(ratios / counts - 1).max())
    if off > ROUNDED or counts.sum() > ROWS:
        raise ValueError(
            f"certify_global: expected sample weights that are multiples of the smallest one, "
            f"{ROWS} samples at most; multiply them out, or set certify_global=False"
        )
    bracket: GlobalBracket = bracket_global_minimum(
        np.repeat(samples.features(), counts, axis=0),
        np.repeat(samples.target, counts),
        space=problem.space,
        network=best.parametrization,
        time_limit=np.inf,
        node_limit=NODES,
        n_starts=0,
    )
    # The weights are the counts but for their rounding, by which losses differ as well.
    better, lower = None, problem.in_units(bracket.lower * (1 - 2 * off))
    square = float(samples.weights @ samples.target**2)
    if problem.in_units(bracket.upper + LOWER * square) < best.row["loss"]:
        alone = replace(problem, solver="descent")
        better = run_start(alone, seed, number, number, bracket.network, "bracket")
    return lower, better
