"""Merge the certified minima that several starts have reached."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from landscape.parametrization import max_norms
from landscape.study.rows import Fit, Minimum

#: Losses closer than this, relatively, are equal up to rounding; its square is a perfect fit's
#: (losses are in units of the target's variance).
_TIE = 1e-9


def distinct_minima(fits: Iterable[Fit]) -> tuple[list[Fit], list[Minimum]]:
    """The distinct certified minima of each cell, of all its starts.

    Two minima are the same when their activation keys agree: the same cell up to permutation and
    shifts that the data do not see (Theorem 5). They are ordered by loss; losses that differ by
    rounding only are equal, and the first start decides, so that numbers do not depend on the
    platform.

    The starts, sorted, have the numbers of their minima; a minimum is at the first start that
    reached it without leaving the space.
    """
    numbered, minima, cell = [], [], ("dataset", "space", "neurons")
    ordered = sorted(fits, key=attrgetter(*cell, "start"))
    for _, group in groupby(ordered, attrgetter(*cell)):
        mine, reached = list(group), dict[str, list[Fit]]()
        # Those that left the space come last; sorting is stable.
        for fit in sorted(mine, key=lambda fit: fit.violations != ""):
            if fit.verdict == "holds":
                reached.setdefault(fit.activation, []).append(fit)
        own = sorted(reached.values(), key=lambda starts: starts[0].loss)
        losses = np.array([starts[0].loss for starts in own])
        # Gaps between neighbours part the losses into groups: a total preorder, which closeness in
        # pairs would not be.
        apart = np.diff(losses, prepend=losses[:1]) > _TIE * np.maximum(losses, _TIE)
        order = np.lexsort((np.array([starts[0].start for starts in own]), np.cumsum(apart)))
        minima += [_minimum(number, own[k]) for number, k in enumerate(order)]
        numbers = {own[k][0].activation: number for number, k in enumerate(order)}
        numbered += [replace(fit, minimum=numbers.get(fit.activation, -1)) for fit in mine]
    return numbered, minima


def _minimum(number: int, starts: Sequence[Fit]) -> Minimum:
    losses, first = [fit.loss for fit in starts], starts[0]
    return Minimum.copied(
        first, minimum=number, multiplicity=len(starts), first_start=first.start,
        loss_spread=max(losses) - min(losses), radius_low=first.radius,
        paper_radius=first.radius**2 / 16, sharp_radius=first.radius**2 / 8,
        rigidity_radius=0.5 * float(max_norms(first.network.products).min()),
    )  # fmt: skip
