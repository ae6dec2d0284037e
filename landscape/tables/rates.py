"""Frames that draw rates and frequencies from other tables.

A module of its own, since it needs the study's own functions: what only reads or draws tables does
not depend on how minima are found.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from landscape.study.rates import natural_frequencies, power_law
from landscape.tables.files import shape_frame
from landscape.tables.schemas import TABLES

__all__ = ["degeneracies_frame", "rates_frame"]

#: Seminorms up to here are rounding.
ROUNDING = 1e-9


def rates_frame(stability: pd.DataFrame) -> pd.DataFrame:
    """Table ``rates`` from the table ``stability``."""
    cell = ["dataset", "neurons", "within"]
    rows = []
    # Below are pairs that differ by rounding only (the same minimum, reached twice).
    stability = stability[stability["seminorm"] > ROUNDING]
    for key, own in stability.groupby(cell):
        exponent, constant = power_law(own["seminorm"].to_numpy(), own["distance"].to_numpy())
        rows.append(
            {
                **dict(zip(cell, key, strict=True)),
                "inputs": own["inputs"].max(),
                "width": own["width"].max(),
                "pairs": int((own["distance"] > 0).sum()),
                "exponent": exponent,
                "constant": constant,
            }
        )
    return shape_frame(TABLES["rates"], rows)


def degeneracies_frame(natural: pd.DataFrame) -> pd.DataFrame:
    """Table ``degeneracies`` from the table ``natural``."""
    cell = ["dataset", "space", "neurons"]
    counts = ("silent", "zero", "redundant", "opposite", "spare")
    rows = []
    for key, own in natural.groupby(cell):
        arrays = {f"n_{name}": own[name].to_numpy() for name in counts}
        arrays["verdict"] = own["verdict"].to_numpy().astype(str)
        shares = natural_frequencies(arrays)
        verdicts = ("holds", "violated", "undecided")
        place: dict[str, Any] = dict(zip(cell, key, strict=True))
        rows.append(
            {
                **place,
                "minima": len(own),
                **{f"{name}_share": shares[name] for name in (*counts, *verdicts)},
                "median_imbalance": own["imbalance"].median(),
                "median_flip_gap": own["flip_gap"].median(),
            }
        )
    return shape_frame(TABLES["degeneracies"], rows)
