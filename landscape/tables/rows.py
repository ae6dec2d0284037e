"""The rows of the tables that sum others up: each column says how it is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape.rows import Row, column
from landscape.study.rows import DATASET, MSE, NEURONS, SEMINORM

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Degeneracies",
    "Fact",
    "FindingRow",
    "Rate",
    "SolverSummary",
    "Summary",
    "SummaryCell",
    "control_verdicts",
    "not_worse",
    "power_law",
]

#: Losses that differ by no more than this, relative to the larger one or to the variance of a
#: standardized target, count as equal where they are compared.
LOSS_TOLERANCE = 1e-9


def not_worse(loss: pd.Series, reference: pd.Series) -> pd.Series:
    """Whether each loss is at most its reference, up to rounding."""
    return loss <= reference + LOSS_TOLERANCE * np.maximum(1.0, reference.abs())


def _share(hits: pd.Series) -> float:
    """Share of true values, NaN if there are none to count."""
    return float(hits.mean()) if len(hits) else float("nan")


def _equal(values: pd.Series, value: str) -> int:
    return int(values.eq(value).sum())


def counts(name: str, value: str, part: str = "fits") -> Callable[[Any], int]:
    """What counts how often a column of a frame, or of a part of a cell, has a value."""
    return lambda source: _equal(
        (getattr(source, part) if isinstance(source, SummaryCell) else source)[name], value
    )


_training = partial(counts, "training_outcome")


def _verdict_share(verdict: str, name: str = "verdict") -> Callable[[Any], float]:
    return lambda frame: _share(frame[name].eq(verdict))


@dataclass(frozen=True)
class SummaryCell:
    """The rows of other tables that belong to one cell.

    Attributes
    ----------
    fits, minima, natural : DataFrame
    probes, controls : DataFrame
        Empty but for N*, whose minima they are about.
    unrestricted : Series
        Losses of the unrestricted space by start; empty in that space itself.
    """

    fits: pd.DataFrame
    minima: pd.DataFrame
    probes: pd.DataFrame
    natural: pd.DataFrame
    controls: pd.DataFrame
    unrestricted: pd.Series

    @classmethod
    def of(
        cls, tables: Mapping[str, pd.DataFrame], dataset: str, space: str, neurons: int
    ) -> SummaryCell:
        """The cell's part of the tables."""

        def here(name: str, space: str = space) -> pd.DataFrame:
            frame = tables[name]
            own = frame[(frame["dataset"] == dataset) & (frame["neurons"] == neurons)]
            return own[own["space"] == space] if "space" in own else own

        free = here("fits", "unrestricted")
        return cls(
            fits=here("fits"),
            minima=here("minima"),
            probes=here("probes").iloc[: None if space == "restricted" else 0],
            natural=here("natural"),
            controls=here("controls").iloc[: None if space == "restricted" else 0],
            unrestricted=free.set_index("start")["loss"][: 0 if space == "unrestricted" else None],
        )

    @cached_property
    def certified(self) -> pd.DataFrame:
        """Starts that ended at a certified minimum."""
        return self.fits[self.fits["minimum"] >= 0]

    @cached_property
    def lifts(self) -> pd.DataFrame:
        """Ends that were lifted into N*."""
        return self.fits[self.fits["lift_loss"].notna()]

    @cached_property
    def paired(self) -> tuple[pd.Series, pd.Series]:
        """Losses of the same starts here and in the unrestricted space."""
        own = self.fits.set_index("start")["loss"]
        common = own.index.intersection(self.unrestricted.index)
        return own[common], self.unrestricted[common]

    @cached_property
    def control_verdicts(self) -> pd.Series:
        """One verdict per control, of all its steps; without those than which nothing is better."""
        return control_verdicts(self.controls).loc[lambda verdicts: verdicts != "holds"]

    @cached_property
    def bracketed(self) -> pd.DataFrame:
        """Minima whose radius in parameter space was bracketed."""
        return self.minima[self.minima["radius_high_method"] != ""]

    @cached_property
    def radius_ratios(self) -> pd.Series:
        """Upper over lower ends of the brackets that are finite below."""
        found = self.bracketed[np.isfinite(self.bracketed["radius_low"])]
        return found["radius_high"] / found["radius_low"]


def control_verdicts(controls: pd.DataFrame) -> pd.Series:
    """One verdict per control: violated if it is so at every step towards distance 0.

    Indexed by the columns ``neurons``, ``minimum``, ``kind``, for one data set.
    """

    def verdict(steps: pd.Series) -> str:
        if steps.eq("holds").any():
            return "holds"
        return "violated" if steps.eq("violated").all() else "undecided"

    return controls.groupby(["neurons", "minimum", "kind"])["verdict"].agg(verdict)


class _OfCell(Row):
    dataset: str = column(DATASET, key=True)
    space: str = column("restricted (N*), balanced (N'), unrestricted (with biases).", key=True)
    neurons: int = column(NEURONS, key=True)


class Summary(_OfCell):
    """One cell of the study: data set, space and number of neurons.

    `lifts` are of unrestricted ends, probes of minima of N* (all hold, by Theorem 13), controls
    built from them, natural minima of N' and of the unrestricted space.
    """

    name = "summary"
    starts: int = column("Starts.", of=lambda c: len(c.fits))
    converged: int = column("Trainings that converged.", of=_training("converged"))
    iteration_limit: int = column("That met the limit.", of=_training("iteration_limit"))
    stalled: int = column("That stalled.", of=_training("stalled"))
    failed: int = column("That failed.", of=_training("failed"))
    certified: int = column("Starts at certified minima.", of=lambda c: len(c.certified))
    not_minimum: int = column("At what is proven to be none.", of=counts("verdict", "violated"))
    undecided: int = column("At what is undecided.", of=counts("verdict", "undecided"))
    certified_share: float = column(
        "certified / starts.", of=lambda c: len(c.certified) / len(c.fits)
    )
    distinct_minima: int = column(
        "Distinct certified minima.", of=lambda c: c.certified["minimum"].nunique()
    )
    proved_minima: int = column(
        "Of these, proved in rational arithmetic.", of=counts("proof", "proved", "minima")
    )
    best_loss: float = column("Lowest loss of all starts.", MSE, of=lambda c: c.fits["loss"].min())
    best_certified_loss: float = column(
        "Lowest loss of the certified minima.", MSE, of=lambda c: c.certified["loss"].min()
    )
    median_loss: float = column(
        "Median over the starts of the loss.", MSE, of=lambda c: c.fits["loss"].median()
    )
    median_trained_loss: float = column(
        "The same before descent.", MSE, of=lambda c: c.fits["trained_loss"].median()
    )
    paired_starts: int = column(
        "Starts compared with the unrestricted space.", of=lambda c: len(c.paired[0])
    )
    paired_not_worse: float = column(
        "Share of them that end no higher here.", of=lambda c: _share(not_worse(*c.paired))
    )
    paired_better: float = column(
        "Share of them that end lower here.", of=lambda c: _share(~not_worse(*c.paired[::-1]))
    )
    lifts: int = column("Ends that were lifted into N*.", of=lambda c: len(c.lifts))
    lifts_not_worse: float = column(
        "Share of them whose descent in N* ends no higher (Corollary 1.3, item 2).",
        of=lambda c: _share(not_worse(c.lifts["lift_loss"], c.lifts["loss"])),
    )
    best_lift_loss: float = column(
        "Lowest loss of those descents.", MSE, of=lambda c: c.lifts["lift_loss"].min()
    )
    probed_minima: int = column("Minima whose rigid ball was probed.", of=lambda c: len(c.probes))
    probes_hold: int = column("Without a better one.", of=counts("verdict", "holds", "probes"))
    probes_violated: int = column("With one.", of=counts("verdict", "violated", "probes"))
    probes_undecided: int = column("Undecided.", of=counts("verdict", "undecided", "probes"))
    controls: int = column(
        "Controls, but those than which nothing is better.", of=lambda c: len(c.control_verdicts)
    )
    controls_violated: int = column(
        "Of these, violated at every step.", of=lambda c: _equal(c.control_verdicts, "violated")
    )
    controls_undecided: int = column(
        "Not built or undecided.", of=lambda c: _equal(c.control_verdicts, "undecided")
    )
    natural_minima: int = column("Natural minima examined.", of=lambda c: len(c.natural))
    natural_spare: int = column(
        "Those with spare neurons.", of=lambda c: int((c.natural["spare"] > 0).sum())
    )
    natural_hold: int = column(
        "Those where Proposition 1.2's implication holds.", of=counts("verdict", "holds", "natural")
    )
    natural_violated: int = column("It fails.", of=counts("verdict", "violated", "natural"))
    natural_undecided: int = column("Undecided.", of=counts("verdict", "undecided", "natural"))
    bracketed_minima: int = column("Minima with bracketed radius.", of=lambda c: len(c.bracketed))
    median_radius_ratio: float = column(
        "Median of radius_high / radius_low, where finite.", of=lambda c: c.radius_ratios.median()
    )


class SolverSummary(Row):
    """One solver on one data set and number of neurons, over N*.

    What its end points are before any descent, and what the descent still gains.
    """

    name = "solvers"
    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)
    solver: str = column("As in the table runs.", key=True)
    starts: int = column("Paired starts.", of=len)
    iteration_limit: int = column("Ended by the limit.", of=_training("iteration_limit"))
    trained_certified: int = column(
        "End points that pass the exact test as they are.", of=counts("trained_verdict", "holds")
    )
    trained_certified_share: float = column(
        "trained_certified / starts.", of=_verdict_share("holds", "trained_verdict")
    )
    trained_undecided: int = column(
        "End points that it could not decide.", of=counts("trained_verdict", "undecided")
    )
    certified: int = column("Certified after the descent.", of=counts("verdict", "holds"))
    certified_share: float = column("certified / starts.", of=_verdict_share("holds"))
    best_trained_loss: float = column("Lowest before.", MSE, of=lambda r: r["trained_loss"].min())
    median_trained_loss: float = column(
        "Median before descent.", MSE, of=lambda r: r["trained_loss"].median()
    )
    best_loss: float = column("Lowest after descent.", MSE, of=lambda r: r["loss"].min())
    median_loss: float = column("Median after descent.", MSE, of=lambda r: r["loss"].median())
    median_gain: float = column(
        "Median of what it gains.", MSE, of=lambda r: (r["trained_loss"] - r["loss"]).median()
    )
    largest_gain: float = column(
        "Largest such gain.", MSE, of=lambda r: (r["trained_loss"] - r["loss"]).max()
    )


#: Seminorms up to here are rounding: the same minimum, reached twice.
SEMINORM_ROUNDING = 1e-9


def power_law(seminorm: NDArray[np.float64], distance: NDArray[np.float64]) -> tuple[float, float]:
    """Exponent of the upper envelope of distance over seminorm, and the constant at exponent 1/2.

    Parameters
    ----------
    seminorm, distance : arrays of shape (k,)
        Non-positive and non-finite entries are left out.

    Returns
    -------
    exponent : float
        Slope of a line through the largest distance per decade of the seminorm, in logarithms;
        nan with fewer than two decades.
    constant : float
        ``max distance / seminorm**0.5``; nan without entries.

    Examples
    --------
    >>> r = np.logspace(-6, 0, 7)
    >>> power_law(r, 2 * np.sqrt(r))
    (0.5, 2.0)
    """
    r, distances = np.asarray(seminorm, dtype=float), np.asarray(distance, dtype=float)
    usable = np.isfinite(r) & np.isfinite(distances) & (r > 0) & (distances > 0)
    if not usable.any():
        return np.nan, np.nan
    x, z = np.log10(r[usable]), np.log10(distances[usable])
    constant = float((distances[usable] / np.sqrt(r[usable])).max())
    decades = np.round(x).astype(int)
    # The largest ratio to the square root within a decade: bins do not bend the line.
    tops = [
        np.flatnonzero(decades == k)[int((z - x / 2)[decades == k].argmax())]
        for k in np.unique(decades)
    ]
    if len(tops) < 2:
        return np.nan, constant
    return float(np.polyfit(x[tops], z[tops], 1)[0]), constant


def _law(part: int) -> Callable[[Any], float]:
    return lambda pairs: power_law(pairs["seminorm"].to_numpy(), pairs["distance"].to_numpy())[part]


class Rate(Row):
    """Inverse stability per data set and width: the power law of the pairs' distances.

    The exponent is 1/2 where extremal pairs are among them; near 0, the distance stays as r goes to
    0. The constant is proven to be at most 2 sqrt(2) on N*, in the paper 4.
    """

    name = "rates"
    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)
    within: bool = column("1 for pairs from N*, 0 for the controls outside.", key=True)
    inputs: int = column("Inputs, d + 2 for d features.", of=lambda p: p["inputs"].max())
    width: int = column("Neurons, the largest number.", of=lambda p: p["width"].max())
    pairs: int = column(
        "Pairs with positive distances and r > 1e-9.", of=lambda p: int((p["distance"] > 0).sum())
    )
    exponent: float = column("Through the largest distance per decade of r.", of=_law(0))
    constant: float = column("Largest distance / sqrt(r).", of=_law(1))


def _some(name: str) -> Callable[[Any], float]:
    return lambda minima: _share(minima[name] > 0)


class Degeneracies(_OfCell):
    """How often minima of N' and of unrestricted training are degenerate."""

    name = "degeneracies"
    minima: int = column("Distinct certified minima that were examined.", of=len)
    silent_share: float = column("Of them, with silent neurons.", of=_some("silent"))
    zero_share: float = column("With neurons of c_i = 0 or a_i = 0.", of=_some("zero"))
    redundant_share: float = column("With neurons of the same direction.", of=_some("redundant"))
    opposite_share: float = column("With neurons of opposite directions.", of=_some("opposite"))
    spare_share: float = column("With neurons that could be spared.", of=_some("spare"))
    median_imbalance: float = column(
        "Median of the largest |log(|c_i| / |a_i|)|.", of=lambda m: m["imbalance"].median()
    )
    median_flip_gap: float = column(
        "Median flip gap.", SEMINORM, of=lambda m: m["flip_gap"].median()
    )
    holds_share: float = column("Where Proposition 1.2 holds.", of=_verdict_share("holds"))
    violated_share: float = column("Where it fails.", of=_verdict_share("violated"))
    undecided_share: float = column("Where it is undecided.", of=_verdict_share("undecided"))


class FindingRow(Row):
    """One finding about one data set: what was tested, held, failed, or is undecided.

    Where something is proven, the status is agrees, contradicts, undecided or not tested; else
    measured.
    """

    name = "findings"
    dataset: str = column(DATASET, key=True)
    topic: str = column("starts, certificates, ..., inverse stability, solvers.", key=True)
    status: str = column("How the rows compare with what is proven.")
    finding: str = column("Sentences, with their numbers from the other tables.")
    table: str = column("Where its rows are.")
    search: str = column("Which they are: terms column=value that all of them meet.")


class Fact(Row):
    """One fact that the results depend on; no times, no places."""

    name = "provenance"
    topic: str = column("config, seed, data, code, package or platform.", key=True)
    item: str = column("What.", key=True)
    value: str = column("Its value.")
