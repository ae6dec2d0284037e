"""The disconnectivity graph of a merge tree, as the field draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


def positions(children: list[list[int]], roots: list[int]) -> list[int]:
    """Valleys from left to right: what merges earlier is nearer, so that no branches cross.

    ``children`` of each valley are in the order in which they merge into it.
    """

    def block(valley: int) -> list[int]:
        left: list[int] = []
        right: list[int] = []
        for k, child in enumerate(children[valley]):
            if k % 2:
                left = block(child) + left
            else:
                right += block(child)
        return [*left, valley, *right]

    return [valley for root in roots for valley in block(root)]


def draw_graph(
    pairs: Array,
    parents: NDArray[np.intp],
    positive: NDArray[np.intp],
    ax: Axes | None = None,
    *,
    weights: ArrayLike | None = None,
) -> Axes:
    """Draw a disconnectivity graph, see :meth:`landscape.trees.MergeTree.plot`.

    Parameters
    ----------
    pairs : array of shape (k, 2)
        Births and deaths, inf for roots.
    parents, positive : int arrays of shape (k,)
        The valleys into which they merge, -1 for roots; positive output weights.
    ax, weights
        As there.
    """
    require_extra("study", "matplotlib", "seaborn")
    import matplotlib.pyplot as plt
    import seaborn as sns

    ax = plt.subplots()[1] if ax is None else ax
    children: list[list[int]] = [[] for _ in pairs]
    for valley in np.argsort(pairs[:, 1], kind="stable"):
        if parents[valley] >= 0:
            children[parents[valley]].append(int(valley))
    roots = np.flatnonzero(parents < 0)
    order = positions(children, sorted(roots.tolist(), key=lambda k: (positive[k], pairs[k, 0])))
    place = np.empty(len(pairs))
    place[order] = np.arange(len(pairs))
    finite = pairs[np.isfinite(pairs)]
    end = float(finite.max()) + 0.05 * (float(np.ptp(finite)) or 1.0)
    palette = sns.color_palette("deep")
    colours = [palette[int(k) % len(palette)] for k in positive]
    for k, (birth, death) in enumerate(pairs):
        up = min(death, end)
        ax.plot([place[k]] * 2, [birth, up], color=colours[k], lw=1.2)
        if parents[k] >= 0:
            ax.plot([place[k], place[parents[k]]], [up, up], color=colours[k], lw=1.2)
    sizes = np.full(len(pairs), 12.0) if weights is None else np.asarray(weights, dtype=float)
    if weights is not None:
        sizes = 8 + 120 * sizes / max(float(sizes.max()), 1.0)
    ax.scatter(place, pairs[:, 0], s=sizes, color=colours, zorder=3)
    for k in np.unique(positive[roots]):
        root = roots[positive[roots] == k][0]
        ax.annotate(f"{k}+", (place[root], end), ha="center", va="bottom", fontsize="small")
    ax.set(xticks=[], xlabel="valleys (above: positive output weights)", ylabel="loss")
    sns.despine(ax=ax, bottom=True)
    return ax
