"""Figures of a study, from its tables; pure functions that draw into no global state.

Every figure is readable in greyscale (line styles and markers carry what colours carry) and at
the width of one or two columns of a paper. Their list is :data:`landscape.tables.FIGURES`; here is
their style, and what they share.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from landscape.errors import require_extra
from landscape.study.rows import objective_in

require_extra("study", "matplotlib", "pandas", "seaborn")

import matplotlib as mpl
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "BLUE", "GREEN", "ONE_COLUMN", "ORANGE", "RED", "STYLE", "TWO_COLUMNS", "beside_axes", "grid",
    "points", "render", "styled",
]  # fmt: skip

#: Widths of one and of two columns, inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 6.9

STYLE: Any = {  # what matplotlib calls a setting differs between its versions
    **sns.axes_style("ticks"),
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "figure.labelsize"), 8.0),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 7.0),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.4),
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.4,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "svg.hashsalt": "landscape",
    "svg.fonttype": "path",
    "figure.dpi": 300,
}

BLUE, ORANGE, GREEN, RED = sns.color_palette("colorblind")[:4]

Tables = Mapping[str, "pd.DataFrame"]
Given = ParamSpec("Given")


def styled(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Draw with this module's style and a legend; the user's settings are left alone."""

    @wraps(draw)
    def drawn(*given: Given.args, **options: Given.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            figure = draw(*given, **options)
            _legend(figure)
            if engine := figure.get_layout_engine():  # once, not for each file
                engine.execute(figure)
                figure.set_layout_engine("none")
            return figure

    return drawn


def render(figure: Figure, format: str) -> bytes:
    """The figure as an ``svg`` or ``png`` file; the same figure gives the same bytes."""
    buffer, dpi = io.BytesIO(), figure.dpi
    # Without savefig, which goes through all that is drawn once more to lay it out.
    with mpl.rc_context(STYLE):
        if format == "svg":
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
        else:
            FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    figure.set_dpi(dpi)  # SVG has its own
    return buffer.getvalue()


#: A panel, and what takes its rows out of a table.
Panel = tuple["Axes", Callable[["pd.DataFrame"], "pd.DataFrame"]]


def loss_label(tables: Tables, what: str = "loss", unit: str = "") -> str:
    """What an axis with losses says: the study's loss, or the unit of the squared one."""
    name = objective_in(tables)
    return f"{what}{unit}" if name == "squared" else f"{what}: {name}"


def target_label(tables: Tables) -> str:
    """What an axis with targets and predictions says."""
    name = objective_in(tables)
    if name.startswith("hinge"):
        return "value for labels -1 and 1"
    return "probability of label 1" if name.startswith("logistic") else "target, in its own unit"


def grid(
    frame: pd.DataFrame, height: float, x: str, y: str, **share: Any
) -> tuple[Figure, list[Panel]]:
    """One panel per data set (columns) and number of neurons (rows), and labels for all of them."""
    datasets, neurons = list(dict.fromkeys(frame["dataset"])), sorted(set(frame["neurons"]))
    n_rows, n_columns = max(len(neurons), 1), max(len(datasets), 1)
    figure = Figure(figsize=(TWO_COLUMNS, height * n_rows + 0.75), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, **share)
    figure.supxlabel(x)
    figure.supylabel(y)
    for j, dataset in enumerate(datasets):
        axes[0, j].set_title(dataset)
    for i, m in enumerate(neurons):
        beside_axes(axes[i, -1], f"$m = {m}$")

    def rows_of(dataset: str, m: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
        return lambda table: table[(table["dataset"] == dataset) & (table["neurons"] == m)]

    return figure, [
        (axes[i, j], rows_of(dataset, m))
        for i, m in enumerate(neurons)
        for j, dataset in enumerate(datasets)
    ]


def beside_axes(ax: Axes, text: str) -> None:
    """A title at the right, along the panel."""
    place: Any = {"xycoords": "axes fraction", "va": "center"}
    ax.annotate(text, (1.04, 0.5), rotation=270, fontsize=8, **place)


def points(ax: Axes, x: Any, y: Any, look: tuple[Any, ...]) -> None:
    """Markers on top of the grid: marker, area, face and edge colour; and label, if it has one."""
    marker, size, face, edge, *label = look
    shape = {"linestyle": "", "marker": marker, "markersize": size**0.5, "zorder": 3}
    colours = {"markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 0.7}
    if len(x):
        ax.plot(x, y, label=label[0] if label else None, **shape, **colours)


def _legend(figure: Figure) -> None:
    """Above the panels, of all labels in them."""
    found: dict[str, Any] = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    if found:
        columns = min(len(found), int(figure.get_figwidth() / 1.7))
        figure.legend(found.values(), found, loc="outside upper center", ncols=columns)
