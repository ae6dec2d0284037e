"""Merge the certified minima that several starts have reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from landscape.parametrization import max_norms
from landscape.study.rows import Fit, Minimum

if TYPE_CHECKING:
    import pandas as pd

#: Losses closer than this, relatively, are equal up to rounding; its square is a perfect fit's
#: (losses are in units of the target's variance).
_TIE = 1e-9


@dataclass
class _Reached:
    """The starts that reached one minimum: the one that counts, and what is summed over all."""

    first: Fit  #: The first that did not leave the space, or the first.
    lowest: float
    highest: float
    n: int = 0

    def add(self, fit: Fit) -> None:
        self.first = min(self.first, fit, key=lambda fit: (fit.violations != "", fit.start))
        self.lowest, self.highest = min(self.lowest, fit.loss), max(self.highest, fit.loss)
        self.n += 1


def distinct_minima(fits: Iterable[Fit]) -> list[Minimum]:
    """The distinct certified minima of each cell, of all its starts.

    Two minima are the same when their activation keys agree: the same cell up to permutation and
    shifts that the data do not see (Theorem 5). They are ordered by loss; losses that differ by
    rounding only are equal, and the first start decides, so that numbers do not depend on the
    platform. A minimum is at the first start that reached it without leaving the space.

    Starts are looked at one by one, in any order, and only one is kept of each minimum: a cell of a
    million starts needs no more memory than its minima.
    """
    cells: dict[tuple[str, str, int], dict[str, _Reached]] = {}
    for fit in fits:
        if fit.verdict == "holds":
            own = cells.setdefault((fit.dataset, fit.space, fit.neurons), {})
            own.setdefault(fit.activation, _Reached(fit, fit.loss, fit.loss)).add(fit)
    minima = []
    for _, reached in sorted(cells.items()):
        found = sorted(reached.values(), key=lambda one: (one.first.loss, one.first.start))
        losses = np.array([one.first.loss for one in found])
        # Gaps between neighbours part the losses into groups: a total preorder, which closeness in
        # pairs would not be.
        apart = np.diff(losses, prepend=losses[:1]) > _TIE * np.maximum(losses, _TIE)
        order = np.lexsort((np.array([one.first.start for one in found]), np.cumsum(apart)))
        minima += [_minimum(number, found[k]) for number, k in enumerate(order)]
    return minima


def _minimum(number: int, reached: _Reached) -> Minimum:
    first = reached.first
    return Minimum.copied(
        first, minimum=number, multiplicity=reached.n, first_start=first.start,
        loss_spread=reached.highest - reached.lowest, radius_low=first.radius,
        paper_radius=first.radius**2 / 16, sharp_radius=first.radius**2 / 8,
        rigidity_radius=0.5 * float(max_norms(first.network.products).min()),
    )  # fmt: skip


def number_starts(fits: pd.DataFrame, minima: pd.DataFrame) -> pd.DataFrame:
    """The table of starts with the number of the minimum that each has reached, -1 if none."""
    same = ["dataset", "space", "neurons", "activation"]
    found = fits[same].merge(minima[[*same, "minimum"]], how="left", on=same)["minimum"]
    return fits.assign(minimum=found.fillna(-1).astype("int64").to_numpy())
