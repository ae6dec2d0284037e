"""Figures of a study, from its tables; pure functions that draw into no global state.

Every figure is readable in greyscale (line styles and markers carry what colours carry) and at
the width of one or two columns of a paper.

- :mod:`landscape.plots.style`: widths, colours, fonts, and the pieces that figures share;
- :mod:`landscape.plots.main`: losses, radii, probes, and Corollary 3.3;
- :mod:`landscape.plots.experiments`: solvers, brackets, controls, converse, natural cases, inverse
  stability.
"""

from landscape.plots.experiments import (
    brackets_figure,
    controls_figure,
    converse_figure,
    inverse_figure,
    natural_figure,
    solvers_figure,
)
from landscape.plots.main import (
    PAIRS,
    losses_figure,
    probes_figure,
    radii_figure,
    stability_figure,
)
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
    "FIGURES",
    "GREEN",
    "ONE_COLUMN",
    "ORANGE",
    "PAIRS",
    "RED",
    "STYLE",
    "TWO_COLUMNS",
    "brackets_figure",
    "controls_figure",
    "converse_figure",
    "inverse_figure",
    "losses_figure",
    "natural_figure",
    "probes_figure",
    "radii_figure",
    "render",
    "solvers_figure",
    "stability_figure",
]

#: The figures of a study by name.
FIGURES: dict[str, Draw] = {
    "losses": losses_figure,
    "stability": stability_figure,
    "radii": radii_figure,
    "probes": probes_figure,
    "solvers": solvers_figure,
    "brackets": brackets_figure,
    "controls": controls_figure,
    "converse": converse_figure,
    "natural": natural_figure,
    "inverse": inverse_figure,
}
