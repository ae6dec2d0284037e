"""Figures of a study, from its tables; pure functions that draw into no global state.

Every figure is readable in greyscale (line styles and markers carry what colours carry) and at
the width of one or two columns of a paper. Their list is :data:`landscape.tables.FIGURES`.

- :mod:`landscape.plots.style`: widths, colours, fonts, and the pieces that figures share;
- :mod:`landscape.plots.main`: losses, radii, probes, and Corollary 3.3;
- :mod:`landscape.plots.experiments`: solvers, brackets, controls, converse, natural cases, inverse
  stability.
"""

from landscape.errors import require_extra

require_extra("study", "matplotlib", "pandas", "seaborn")

from landscape.plots.style import (
    BLUE,
    GREEN,
    ONE_COLUMN,
    ORANGE,
    RED,
    STYLE,
    TWO_COLUMNS,
    Draw,
    render,
)

__all__ = [
    "BLUE",
    "GREEN",
    "ONE_COLUMN",
    "ORANGE",
    "RED",
    "STYLE",
    "TWO_COLUMNS",
    "Draw",
    "render",
]
