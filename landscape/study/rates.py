"""What measured rows are counted up to: exponents and shares; imports no solver."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.study.columns import Arrays

__all__ = ["natural_frequencies", "power_law"]

Array = NDArray[np.float64]


def power_law(seminorm: Array, distance: Array) -> tuple[float, float]:
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


def natural_frequencies(rows: Arrays) -> dict[str, float]:
    """Shares of the minima with each degeneracy, and of each verdict.

    Examples
    --------
    >>> rows = {"n_silent": np.array([0, 2]), "verdict": np.array(["holds", "violated"])}
    >>> natural_frequencies(rows)
    {'n_minima': 2.0, 'silent': 0.5, 'holds': 0.5, 'violated': 0.5, 'undecided': 0.0}
    """
    verdicts = rows.get("verdict", np.array([]))
    n = len(verdicts)
    shares = {"n_minima": float(n)}
    for name in ("silent", "zero", "redundant", "opposite", "spare"):
        if f"n_{name}" in rows and n:
            shares[name] = float(np.mean(rows[f"n_{name}"] > 0))
    for verdict in ("holds", "violated", "undecided"):
        shares[verdict] = float(np.mean(verdicts == verdict)) if n else 0.0
    return shares
