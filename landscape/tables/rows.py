"""The rows of the tables that sum others up: each column says how it is computed from them.

The source of a row is a group of rows of a frame, or what :meth:`Sum.sources` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from landscape.rows import Row, column
from landscape.study.rows import DATASET, MSE, NEURONS, SEMINORM, SPACE, OfCell

if TYPE_CHECKING:
    import pandas as pd

#: Losses that differ by no more than this, relative to the larger one or to the variance of a
#: standardized target, count as equal where they are compared.
LOSS_TOLERANCE = 1e-9


def not_worse(loss: pd.Series, reference: pd.Series) -> pd.Series:
    """Whether each loss is at most its reference, up to rounding."""
    return loss <= reference + LOSS_TOLERANCE * np.maximum(1.0, reference.abs())


def control_verdicts(controls: pd.DataFrame) -> pd.Series:
    """One verdict per control, by neurons, minimum, kind, of one data set's steps towards 0."""

    def verdict(steps: pd.Series) -> str:
        if steps.eq("holds").any():
            return "holds"
        return "violated" if steps.eq("violated").all() else "undecided"

    return controls.groupby(["neurons", "minimum", "kind"])["verdict"].agg(verdict)


def summary_cell(
    tables: Mapping[str, pd.DataFrame], dataset: str, space: str, neurons: int
) -> dict[str, pd.DataFrame]:
    """The rows of other tables that belong to a cell, and what is derived from them, by name."""

    def here(name: str, space: str = space) -> pd.DataFrame:
        frame = tables[name]
        own = frame[(frame["dataset"] == dataset) & (frame["neurons"] == neurons)]
        return own[own["space"] == space] if "space" in own else own

    fits, minima, of_restricted = here("fits"), here("minima"), space == "restricted"
    verdicts = control_verdicts(here("controls").iloc[: None if of_restricted else 0])
    lifts = fits[fits["lift_loss"].notna()]
    free = here("fits", "unrestricted").iloc[: 0 if space == "unrestricted" else None]
    paired = fits[["start", "loss"]].merge(free[["start", "loss"]], "inner", "start")
    mine, other = paired["loss_x"], paired["loss_y"]
    low, high = minima["radius_low"], minima["radius_high"]
    ratios = minima.assign(ratio=(high / low).where(np.isfinite(low)))
    return {
        "fits": fits.assign(certified=fits["minimum"] >= 0),
        "certified": fits[fits["minimum"] >= 0],
        "minima": minima,
        "paired": paired.assign(fine=not_worse(mine, other), better=~not_worse(other, mine)),
        "lifts": lifts.assign(fine=not_worse(lifts["lift_loss"], lifts["loss"])),
        "probes": here("probes").iloc[: None if of_restricted else 0],
        "controls": verdicts[verdicts != "holds"].to_frame(),  # else no network is better
        "natural": here("natural"),
        "optima": here("optima"),
        "bracketed": ratios[minima["radius_high_method"] != ""],
    }


class Sum(Row):
    """A table that sums up others."""

    @classmethod
    def frame(cls, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The rows that are grouped by the table's key."""
        raise NotImplementedError

    @classmethod
    def sources(cls, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """The values of the key, and what the other columns are computed from."""
        groups: Any = cls.frame(tables).groupby(cls.key())
        yield from groups

    @classmethod
    def summed(cls, tables: Mapping[str, pd.DataFrame]) -> list[Self]:
        """All rows."""
        found = cls.sources(tables)
        return [cls.computed(dict(zip(cls.key(), at, strict=True)), own) for at, own in found]


#: Any value above 0.
POSITIVE = object()


def _count(source: Any, place: str, where: Mapping[str, Any]) -> int:
    """Rows of the frame, or of the one at a place of a cell, whose columns have the values."""
    frame = source[place] if place else source
    found = np.ones(len(frame), dtype=bool)
    for name, value in where.items():
        found &= frame[name] > 0 if value is POSITIVE else frame[name] == value
    return int(found.sum())


def _n(meaning: str, place: str = "", **where: Any) -> Any:
    """A column that counts rows."""
    return column(meaning, of=lambda source: _count(source, place, where))


def _share(meaning: str, place: str = "", **where: Any) -> Any:
    """A column with their share; missing where there are none to count."""

    def share(source: Any) -> float:
        return _count(source, place, where) / (_count(source, place, {}) or np.nan)

    return column(meaning, of=share)


def _stat(meaning: str, path: str, unit: str = MSE) -> Any:
    """A column with a statistic: ``column.method``, in a cell ``place.column.method``."""
    *names, method = path.split(".")
    return column(meaning, unit, of=lambda s: getattr(reduce(getitem, names, s), method)())


class Summary(Sum, OfCell):
    """One cell of the study: data set, space and number of neurons.

    `lifts` are of unrestricted ends, probes of minima of N* (all hold, by Theorem 13), controls
    built from them, natural minima of N' and of the unrestricted space.
    """

    name = "summary"

    @classmethod
    def sources(cls, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Each cell that has starts, with its part of all tables."""
        cells: Any = tables["fits"].groupby(cls.key())
        yield from ((place, summary_cell(tables, *place)) for place, _ in cells)

    starts: int = _n("Number of starts.", "fits")
    converged: int = _n("Starts whose training converged.", "fits", training_outcome="converged")
    iteration_limit: int = _n(
        "Starts whose training met its limit of iterations.",
        "fits",
        training_outcome="iteration_limit",
    )
    stalled: int = _n("Starts whose training stalled.", "fits", training_outcome="stalled")
    failed: int = _n("Starts whose training failed.", "fits", training_outcome="failed")
    certified: int = _n("Starts that ended at a certified minimum.", "certified")
    not_minimum: int = _n(
        "Starts whose end is proven to be no minimum.", "fits", verdict="violated"
    )
    undecided: int = _n("Starts whose end is undecided.", "fits", verdict="undecided")
    certified_share: float = _share("certified / starts.", "fits", certified=True)
    distinct_minima: int = _stat("Distinct certified minima.", "certified.minimum.nunique", "")
    proved_minima: int = _n(
        "Minima that are proved in rational arithmetic.", "minima", proof="proved"
    )
    best_loss: float = _stat("Lowest loss of all starts.", "fits.loss.min")
    best_certified_loss: float = _stat("Lowest loss of the certified minima.", "certified.loss.min")
    global_low: float = _stat(
        "Lower end of the global minimum: no network of the space has a lower loss.",
        "optima.global_low.max",
    )
    global_gap: float = _stat("best_certified_loss - global_low.", "optima.global_gap.max")
    median_loss: float = _stat("Median of the losses of all starts.", "fits.loss.median")
    median_trained_loss: float = _stat(
        "Median of their losses before the descent.", "fits.trained_loss.median"
    )
    paired_starts: int = _n(
        "Starts that are compared with the same start over the unrestricted space.", "paired"
    )
    paired_not_worse: float = _share(
        "Share of these that end no higher than there.", "paired", fine=True
    )
    paired_better: float = _share(
        "Share of these that end lower than there.", "paired", better=True
    )
    lifts: int = _n("Unrestricted ends that were lifted into N*.", "lifts")
    lifts_not_worse: float = _share(
        "Share of the lifts whose descent in N* ends no higher (Corollary 1.3, item 2).",
        "lifts",
        fine=True,
    )
    best_lift_loss: float = _stat("Lowest loss of descents from lifts.", "lifts.lift_loss.min")
    probed_minima: int = _n("Minima of N* whose rigid ball was probed.", "probes")
    probes_hold: int = _n("Balls that hold no better realization.", "probes", verdict="holds")
    probes_violated: int = _n("Balls that hold a better realization.", "probes", verdict="violated")
    probes_undecided: int = _n("Balls that are undecided.", "probes", verdict="undecided")
    controls: int = _n(
        "Controls, without those that no network of any width improves on.", "controls"
    )
    controls_violated: int = _n(
        "Controls that are violated at every step.", "controls", verdict="violated"
    )
    controls_undecided: int = _n(
        "Controls not built or undecided.", "controls", verdict="undecided"
    )
    natural_minima: int = _n("Minima outside N* that were examined.", "natural")
    natural_spare: int = _n("Minima that have spare neurons.", "natural", spare=POSITIVE)
    natural_hold: int = _n(
        "Minima at which Proposition 1.2's implication holds.", "natural", verdict="holds"
    )
    natural_violated: int = _n("Minima at which it fails.", "natural", verdict="violated")
    natural_undecided: int = _n("Minima at which it is undecided.", "natural", verdict="undecided")
    bracketed_minima: int = _n("Minima whose radius was bracketed.", "bracketed")
    median_radius_ratio: float = _stat(
        "Median of radius_high / radius_low, where finite.", "bracketed.ratio.median", ""
    )


class Draws:
    """All ways to draw k of a cell's n starts, equally likely, without replacement."""

    def __init__(self, fits: pd.DataFrame, k: int) -> None:
        self.fits, self.n, self.k = fits, len(fits), k

    def without(self, rows: Any, k: int) -> NDArray[np.float64]:
        """Probabilities that k draws are none of so many starts."""
        from scipy.special import gammaln  # takes as long as numpy to import

        left = self.n - np.asarray(rows, dtype=float)
        ways = gammaln(left + 1) - gammaln(np.maximum(left - k, 0) + 1)
        ways -= gammaln(self.n + 1) - gammaln(self.n - k + 1)
        return np.asarray(np.where(left >= k, np.exp(ways), 0.0))

    def loss(self) -> float:
        """Expected lowest loss: the i-th lowest is it where the i - 1 below it are not drawn."""
        loss = np.sort(self.fits["loss"])
        higher = np.append(self.without(np.arange(self.n), self.k), 0.0)
        return float(loss @ (higher[:-1] - higher[1:]))

    def best(self) -> float:
        """Probability that one of the cell's lowest losses is drawn."""
        loss = self.fits["loss"]
        return 1.0 - float(self.without(not_worse(loss, loss * 0 + loss.min()).sum(), self.k))

    def minima(self, k: int) -> float:
        """Expected number of distinct minima that k draws end at."""
        reached = self.fits["minimum"][self.fits["minimum"] >= 0].value_counts()
        return float((1.0 - self.without(reached, k)).sum())


class Restarts(Sum, OfCell):
    """How far so many random starts of a cell go: means over all choices of them from its starts.

    The share of new minima of the last row is Good and Turing's estimate for one start more: the
    share of starts at minima that no other start has reached.
    """

    name = "restarts"
    draws: int = column("Number k of starts: 1, 2, 5, 10, ..., and all.", key=True)
    starts: int = column("Starts of the cell that they are drawn from.", of=lambda own: own.n)
    loss: float = column("Expected lowest loss of k starts.", MSE, of=lambda own: own.loss())
    best_share: float = column(
        "Probability that they reach the lowest loss of all starts.", of=lambda own: own.best()
    )
    minima: float = column(
        "Expected number of distinct minima that they reach.", of=lambda own: own.minima(own.k)
    )
    new_share: float = column(
        "Probability that the last of them reaches a minimum that the others have not.",
        of=lambda own: own.minima(own.k) - own.minima(own.k - 1),
    )

    @classmethod
    def sources(cls, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Each cell with each number of draws."""
        cells: Any = tables["fits"].groupby(OfCell.key())
        for place, fits in cells:
            some = [digit * 10**power for power in range(9) for digit in (1, 2, 5)]
            for k in [*(k for k in some if k < len(fits)), len(fits)]:
                yield (*place, k), Draws(fits, k)


class SolverSummary(Sum):
    """One solver on one data set and number of neurons, over N*.

    What its end points are before any descent, and what the descent still gains.
    """

    name = "solvers"

    @classmethod
    def frame(cls, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The runs, with what the descent gains."""
        return (runs := tables["runs"]).assign(gain=runs["trained_loss"] - runs["loss"])

    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)
    solver: str = column("As in the table runs.", key=True)
    starts: int = _n("Number of starts, the same for all solvers.")
    iteration_limit: int = _n(
        "Runs that met the limit of iterations.", training_outcome="iteration_limit"
    )
    trained_certified: int = _n("End points that are minima as they are.", trained_verdict="holds")
    trained_certified_share: float = _share("trained_certified / starts.", trained_verdict="holds")
    trained_undecided: int = _n("End points that are undecided.", trained_verdict="undecided")
    certified: int = _n("Starts that are certified after the descent.", verdict="holds")
    certified_share: float = _share("certified / starts.", verdict="holds")
    best_trained_loss: float = _stat("Lowest loss before the descent.", "trained_loss.min")
    median_trained_loss: float = _stat("Median loss before the descent.", "trained_loss.median")
    best_loss: float = _stat("Lowest loss after the descent.", "loss.min")
    median_loss: float = _stat("Median loss after the descent.", "loss.median")
    median_gain: float = _stat("Median of what the descent gains.", "gain.median")
    largest_gain: float = _stat("Most that the descent gains.", "gain.max")


#: Seminorms up to here are rounding: the same minimum, reached twice.
SEMINORM_ROUNDING = 1e-9


def power_law(seminorm: NDArray[np.float64], distance: NDArray[np.float64]) -> tuple[float, float]:
    """Exponent of the upper envelope of distance over seminorm, and the constant at exponent 1/2.

    Of the positive and finite entries of shape (k,): the slope of a line through the largest
    distance per decade of the seminorm, in logarithms, nan with fewer than two decades; and
    ``max distance / seminorm**0.5``.

    >>> power_law(np.logspace(-6, 0, 7), 2 * np.sqrt(np.logspace(-6, 0, 7)))
    (0.5, 2.0)
    """
    r, distances = np.asarray(seminorm, dtype=float), np.asarray(distance, dtype=float)
    usable = np.isfinite(r) & np.isfinite(distances) & (r > 0) & (distances > 0)
    if not usable.any():
        return np.nan, np.nan
    x, z = np.log10(r[usable]), np.log10(distances[usable])
    constant = float((distances[usable] / np.sqrt(r[usable])).max())
    # The largest ratio to the square root within a decade: bins do not bend the line.
    decades = np.round(x).astype(int)
    order = np.lexsort((x / 2 - z, decades))
    tops = order[np.unique(decades[order], return_index=True)[1]]
    return (float(np.polyfit(x[tops], z[tops], 1)[0]) if len(tops) > 1 else np.nan), constant


def _law(part: int) -> Callable[[Any], float]:
    return lambda pairs: power_law(pairs["seminorm"], pairs["distance"])[part]


class Rate(Sum):
    """Inverse stability per data set and width: the power law of the pairs' distances.

    The exponent is 1/2 where extremal pairs are among them; near 0, the distance stays as r goes to
    0. The constant is proven to be at most 2 sqrt(2) on N*, in the paper 4.
    """

    name = "rates"

    @classmethod
    def frame(cls, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The pairs of different functions."""
        return (pairs := tables["pairs"])[pairs["seminorm"] > SEMINORM_ROUNDING]

    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)
    within: bool = column("1 for pairs from N*, 0 for the controls outside.", key=True)
    inputs: int = _stat("Inputs, d + 2 for d features.", "inputs.max", "")
    width: int = _stat("Largest number of neurons of the networks.", "width.max", "")
    pairs: int = _n("Pairs with positive distances and r > 1e-9.", distance=POSITIVE)
    exponent: float = column("Exponent of the largest distance per decade of r.", of=_law(0))
    constant: float = column("Largest distance / sqrt(r).", of=_law(1))


class Degeneracies(Sum, OfCell):
    """How often minima of N' and of unrestricted training are degenerate."""

    name = "degeneracies"

    @classmethod
    def frame(cls, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The minima that were examined."""
        return tables["natural"]

    minima: int = _n("Distinct certified minima that were examined.")
    silent_share: float = _share("Share of the minima that have silent neurons.", silent=POSITIVE)
    zero_share: float = _share("Share that have neurons with c_i = 0 or a_i = 0.", zero=POSITIVE)
    redundant_share: float = _share("Share that have parallel neurons.", redundant=POSITIVE)
    opposite_share: float = _share("Share that have opposite neurons.", opposite=POSITIVE)
    spare_share: float = _share("Share that have neurons that could be spared.", spare=POSITIVE)
    median_imbalance: float = _stat(
        "Median of the largest |log(|c_i| / |a_i|)|.", "imbalance.median", ""
    )
    median_flip_gap: float = _stat("Median of the flip gaps (A.3).", "flip_gap.median", SEMINORM)
    holds_share: float = _share(
        "Share at which Proposition 1.2's implication holds.", verdict="holds"
    )
    violated_share: float = _share("Share at which it fails.", verdict="violated")
    undecided_share: float = _share("Share at which it is undecided.", verdict="undecided")


OWN = "the target's own unit"
STORED = "the network's on the data as stored, whose minimum is certified"


class Weight(OfCell):
    """One weight of the network at one distinct certified minimum.

    The network is the sum over its neurons of `output_weight` relu(sum over inputs of `weight` *
    input). The last neuron is the bias of the output. The constant inputs 1 and, for N* and N', -1
    come after the features; in the data's own units both stand in the weight of 1.
    """

    name = "weights"
    minimum: int = column("Number of the distinct certified minimum within its cell.", key=True)
    neuron: int = column("Number of the neuron.", key=True)
    input: int = column("Number of the input.", key=True)
    feature: str = column("Name of the input: that of a feature, 1 or -1.")
    weight: float = column("Weight of the input, for the data in their own units.")
    output_weight: float = column("Output weight of the neuron, for the data in their own units.")
    standardized: float = column(f"Weight a_ij: {STORED}.")
    standardized_output: float = column("Output weight c_i, likewise.")


class Accuracy(Row):
    """How well one fit describes the samples: a constant, a linear fit, the best certified minima.

    Of the samples that it was fitted to: no data are held out. Constant and linear fit minimize the
    study's loss too, without weight decay.
    """

    name = "accuracy"
    dataset: str = column(DATASET, key=True)
    model: str = column("mean (the best constant), linear, or a space of networks.", key=True)
    neurons: int = column("Neurons m of the network with biases; 0 for mean and linear.", key=True)
    minimum: int = column("The minimum of least loss; -1 for mean and linear.")
    loss: float = column("Loss, without weight decay.", MSE)
    rmse: float = column("Root of the mean squared error; with the squared loss only.", OWN)
    r_squared: float = column(
        "Share of the target's variance that is explained, R^2; with the squared loss only."
    )
    explained: float = column(
        "By what share the loss is below that of the best constant; squared loss: R^2."
    )
    right: float = column(
        "Share of labels that are predicted; with the logistic and the hinge loss only."
    )


class Prediction(OfCell):
    """One sample, and what the certified minimum of least loss of a cell makes of it."""

    name = "predictions"
    sample: int = column("Number of the sample, from 0.", key=True)
    observed: float = column(
        "Target; 0 or 1 for the logistic loss, -1 or 1 for the hinge loss.", OWN
    )
    predicted: float = column(
        "Prediction of the network: target, mean or probability of label 1.", OWN
    )
    linear: float = column("Prediction of a linear fit.", OWN)
    x: float = column("Value of the feature in its own unit, where there is just one.")


class Dependence(Row):
    """One point of the function that a network at one of the best certified minima computes.

    Of N*, or of the first space of the study that has minima. For one input the function itself,
    with its breaks among the points, at the five best minima; for two inputs itself on a grid; for
    more its partial dependence, the mean over the samples with one feature moved, of the six
    features that it depends on most.
    """

    name = "dependence"
    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)
    minimum: int = column("Number of the distinct certified minimum.", key=True)
    first: str = column("Name of the feature.", key=True)
    second: str = column("Name of the other feature, of two.", key=True)
    point: int = column("Number of the point.", key=True)
    space: str = column(SPACE)
    x: float = column("Value of the feature, in its own unit.")
    other: float = column("Value of the other feature.")
    value: float = column("Value of the function.", OWN)


class FindingRow(Row):
    """One finding about one data set: what was tested, held, failed, or is undecided.

    Where something is proven, the status is agrees, contradicts, undecided or not tested; else
    measured.
    """

    name = "findings"
    dataset: str = column(DATASET, key=True)
    topic: str = column("starts, certificates, ..., inverse stability, solvers.", key=True)
    status: str = column("How the rows compare with what is proven: agrees, contradicts, ...")
    finding: str = column("Sentences, with their numbers from the other tables.")
    table: str = column("Table that the sentences are about.")
    search: str = column("Its rows that they are about: terms column=value that all of them meet.")


class Fact(Row):
    """One fact that the results depend on; no times, no places."""

    name = "provenance"
    topic: str = column("config, seed, data, code, package or platform.", key=True)
    item: str = column("What the fact is about.", key=True)
    value: str = column("Value of the fact.")
