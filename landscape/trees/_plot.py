"""The disconnectivity graph of a merge tree, as the field draws it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _block(valley: int, children: list[list[int]]) -> list[int]:
    """A valley and its children from left to right: what merges earlier is nearer, none cross."""
    blocks = [_block(child, children) for child in children[valley]]
    return [*chain(*blocks[1::2][::-1], [valley], *blocks[::2])]


def layout(
    pairs: NDArray[np.float64], parents: NDArray[np.intp], positive: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Places of valleys from left to right, roots by sign class, and where branches end, (k,)."""
    by_death = np.argsort(pairs[:, 1], kind="stable")
    children = [by_death[parents[by_death] == k].tolist() for k in range(len(pairs))]
    roots = sorted(np.flatnonzero(parents < 0).tolist(), key=lambda k: (positive[k], pairs[k, 0]))
    finite = pairs[np.isfinite(pairs)]
    end = float(finite.max()) + 0.05 * (float(np.ptp(finite)) or 1.0)
    return np.argsort([k for r in roots for k in _block(r, children)]), pairs[:, 1].clip(max=end)


def draw_graph(
    pairs: NDArray[np.float64],
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
    place, tops = layout(pairs, parents, positive)
    palette = sns.color_palette("deep")
    colours = [palette[int(k) % len(palette)] for k in positive]
    for k, up in enumerate(tops):
        ax.plot([place[k]] * 2, [pairs[k, 0], up], color=colours[k], lw=1.2)
        if parents[k] >= 0:
            ax.plot([place[k], place[parents[k]]], [up, up], color=colours[k], lw=1.2)
    sizes = np.full(len(pairs), 12.0)
    if weights is not None:
        given = np.asarray(weights, dtype=float)
        sizes = 8 + 120 * given / max(float(given.max()), 1.0)
    ax.scatter(place, pairs[:, 0], s=sizes, color=colours, zorder=3)
    for root in sorted(np.flatnonzero(parents < 0), key=lambda k: -pairs[k, 0]):
        look: Any = {"ha": "center", "va": "bottom", "fontsize": "small"}
        ax.annotate(f"{positive[root]}+", (place[root], tops[root]), **look)
    ax.set(xticks=[], xlabel="valleys (above: positive output weights)", ylabel="loss")
    sns.despine(ax=ax, bottom=True)
    return ax
