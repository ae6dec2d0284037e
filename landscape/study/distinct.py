"""Merge the certified minima that several starts have reached; imports no solver."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from landscape.study.columns import Arrays, as_arrays

__all__ = ["distinct_minima"]

#: Losses closer than this, relatively, are equal up to rounding; its square is a perfect fit's
#: (losses are in units of the target's variance).
_TIE = 1e-9


def distinct_minima(blocks: Sequence[Arrays]) -> Arrays:
    """The distinct certified minima of a cell, from all its blocks.

    Two minima are the same when their activation keys agree: the same cell up to permutation and
    shifts that the data do not see (notes 5). Ordered by loss; losses that differ by rounding only
    are equal, and the first start decides, so that numbers do not depend on the platform.

    Parameters
    ----------
    blocks : sequence of dict of arrays
        From :func:`landscape.study.certificates.descend_block`, in the order of their starts.

    Returns
    -------
    dict of arrays of length k
        The columns of ``descend_block`` at the first start that reached the minimum without
        leaving the space, and ``minimum`` (0 to k - 1), ``multiplicity`` (starts that reached
        it), ``loss_spread`` (largest minus smallest loss among them: rounding only),
        ``members`` (their indices, as text).
    """
    rows = [
        {name: values[k] for name, values in block.items()}
        for block in blocks
        for k in range(len(block.get("start", ())))
        if block["is_minimum"][k]
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["key"]), []).append(row)
    found = []
    for group in groups.values():
        first = min(group, key=lambda row: (bool(row["violations"]), row["start"]))
        losses = [float(row["loss"]) for row in group]
        found.append(
            {
                **first,
                "multiplicity": len(group),
                "loss_spread": max(losses) - min(losses),
                "members": " ".join(str(row["start"]) for row in group),
            }
        )
    rank = _ranks([float(row["loss"]) for row in found])
    order = sorted(range(len(found)), key=lambda k: (rank[k], int(found[k]["start"])))
    return as_arrays([{"minimum": k, **found[index]} for k, index in enumerate(order)])


def _ranks(losses: Sequence[float]) -> list[int]:
    """Ranks from 0; equal for neighbours, in increasing order, within :data:`_TIE`.

    Gaps between neighbours part the losses into groups, so this is a total preorder, which
    closeness in pairs would not be.

    Examples
    --------
    >>> _ranks([0.5, 0.25 + 1e-13, 0.25, 1e-30, 3e-31])
    [2, 1, 1, 0, 0]
    """
    order = sorted(range(len(losses)), key=losses.__getitem__)
    ranks = [0] * len(losses)
    for before, here in pairwise(order):
        apart = losses[here] - losses[before] > _TIE * max(losses[here], _TIE)
        ranks[here] = ranks[before] + apart
    return ranks
