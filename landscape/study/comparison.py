"""The arms of the experiment with regularizers, compared start by start."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from landscape.rows import column, frame_of
from landscape.streams import stream
from landscape.study.cells import Array
from landscape.study.regularization import ArmRun, OfArm

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


class Comparison(OfArm):
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


def compare_arms(runs: Iterable[ArmRun], *, seed: int, n_resamples: int = 4000) -> list[Comparison]:
    """Each arm against its counterpart on the same starts.

    For every measure the mean, the mean paired difference, and its percentile bootstrap interval
    of 95 % over starts (the same resamples for all arms of a cell). For the loss, the trained loss
    and the shares an exact two-sided sign test over the starts that differ (for shares McNemar's
    test), ``p``; ``p_holm`` is adjusted over all comparisons of that measure, in all cells. Values
    that differ relatively by less than 1e-6 are ties. A start counts for ``best`` if its minimum
    is certified and relatively within 1e-6 of the lowest certified loss of any arm of the cell, for
    ``near_best`` if its loss is within 1 %; for ``spare``, ``silent``, ``redundant``, ``opposite``
    and ``violated`` if its minimum is certified and has the property. ValueError if the arms of a
    cell have different starts.
    """
    frame, found = frame_of(ArmRun, runs), []
    cells: Any = frame.groupby(["dataset", "neurons"], sort=False)
    for (dataset, neurons), cell in cells:
        cell = cell.assign(key=cell["strength"].fillna(-1.0)).sort_values("start", kind="stable")
        arms: Any = dict(list(cell.groupby(["arm", "key"], sort=False)))
        starts = [own["start"].to_list() for own in arms.values()]
        if any(indices != starts[0] for indices in starts):
            raise ValueError(f"runs: the arms of {dataset}, m = {neurons} have different starts")
        lowest = float(cell.loc[cell["verdict"] == "holds", "loss"].min())
        values = {key: _values(own, lowest) for key, own in arms.items()}
        rng = stream(seed, "bootstrap", dataset, neurons)
        resamples = rng.integers(0, len(starts[0]), (n_resamples, len(starts[0])))
        for (arm, strength), own in values.items():
            against = arms[arm, strength]["against"].iloc[0]
            compared = against if (arm, against) != ("none", "none") else ""
            size = np.nan if strength < 0 else strength
            place = OfArm(
                dataset=dataset, neurons=neurons, arm=arm, strength=size, against=compared
            )
            for measure in map(str, own):
                pair = own[measure].to_numpy(), values[against, -1.0][measure].to_numpy()
                found.append(_compared(place, measure, *pair, resamples))
    return _adjusted(found)


def _compared(
    place: OfArm, measure: str, mine: Array, other: Array, resamples: NDArray[np.int64]
) -> Comparison:
    """One measure, start by start, with a percentile bootstrap of the mean difference.

    Starts without a value are left out of each resample.
    """
    # Ends that differ by rounding only are the same.
    slack = BEST_TOLERANCE * np.maximum(np.abs(mine), np.abs(other))
    differences = np.where(np.abs(mine - other) <= slack, 0.0, mine - other)
    usable = np.isfinite(differences)
    low = high = np.nan
    if usable.any():
        found = usable[resamples].sum(axis=1)
        sums = np.where(usable, differences, 0.0)[resamples].sum(axis=1)
        low, high = np.percentile(sums[found > 0] / found[found > 0], [2.5, 97.5])
    less, more = int(np.sum(differences < 0)), int(np.sum(differences > 0))
    p = float(binomtest(less, less + more).pvalue) if less + more else 1.0
    both = [float(v[usable].mean()) if usable.any() else np.nan for v in (mine, other, differences)]
    means = dict(zip(("mean", "reference", "difference"), both, strict=True))
    ends = {"low": float(low), "high": float(high), "p": p if measure in TESTED else np.nan}
    counts = {"n": int(usable.sum()), "n_less": less, "n_more": more}
    return Comparison.copied(place, measure=measure, **counts, **means, **ends)


def _values(runs: Any, lowest: float) -> Any:
    """Measures and indicators of an arm, start by start; ``lowest`` of all certified losses."""
    holds, loss = runs["verdict"] == "holds", runs["loss"]
    counted = {name: runs[f"n_{name}"] > 0 for name in ("spare", "silent", "redundant", "opposite")}
    found = runs[MEASURES].assign(
        best=holds & (loss <= lowest * (1 + BEST_TOLERANCE)),
        near_best=loss <= lowest * (1 + NEAR_TOLERANCE),
        certified=holds,
        **counted,
        violated=runs["implication"] == "violated",
    )
    return found.astype(float)


def _adjusted(rows: list[Comparison]) -> list[Comparison]:
    """With Holm's adjustment of p over all comparisons of a measure."""
    for measure in {row.measure for row in rows}:
        own = [k for k, row in enumerate(rows) if row.measure == measure and row.against]
        places = sorted((k for k in own if np.isfinite(rows[k].p)), key=lambda k: rows[k].p)
        adjusted = [(len(places) - k) * rows[place].p for k, place in enumerate(places)]
        for place, p in zip(places, np.maximum.accumulate(adjusted), strict=True):
            rows[place] = replace(rows[place], p_holm=float(min(1.0, p)))
    return rows
