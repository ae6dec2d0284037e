"""The figure of the experiment with regularizers, from its rows; a pure function."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from landscape.plots import BLUE, GREEN, ORANGE, RED, STYLE, TWO_COLUMNS, beside_axes, legend

#: One column each: title, by measure.
_PANELS = {
    "trained_imbalance": "imbalance,\ntrained",
    "trained_cosine": "largest cosine,\ntrained",
    "near_best": "share within 1 %\nof the best loss",
    "violated": "share with a\nviolation",
    "loss": "share with lower\nminus higher loss",
}
_MARKERS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", RED), ("v", "0.4"), ("P", "0.6"))


def regularization_figure(summary: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Paired differences of every arm to its counterpart, with intervals of a level.

    From rows of :func:`landscape.study.comparison.compare_arms`: a row of panels per number of
    neurons, a line per arm, a marker per data set, filled where the interval leaves out 0 (in the
    last panel, which has none: where Holm's adjusted sign test is below ``1 - level``).
    """
    frame = summary[summary["against"] != ""].assign(strength=summary["strength"].fillna(-1.0))
    arms = frame[["arm", "strength", "against"]].drop_duplicates()
    frame = frame.merge(arms.assign(place=range(len(arms))))
    is_loss = frame["measure"] == "loss"
    shares = (frame["n_less"] - frame["n_more"]) / frame["n"].clip(lower=1)
    frame["x"] = frame["difference"].where(~is_loss, shares)
    apart = (frame["low"] > 0) | (frame["high"] < 0)
    frame["found"] = apart.where(~is_loss, frame["p_holm"] < 1.0 - level)
    neurons, datasets = sorted(set(frame["neurons"])), list(dict.fromkeys(frame["dataset"]))
    with mpl.rc_context(STYLE):
        height = 1.0 + (0.24 * len(arms) + 0.3) * len(neurons)
        figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
        axes = figure.subplots(len(neurons), len(_PANELS), sharey=True, sharex="col", squeeze=False)
        handles = {}
        for m, line in zip(neurons, axes, strict=True):
            for ax, (measure, title) in zip(line, _PANELS.items(), strict=True):
                ax.set_title(title if m == neurons[0] else "")
                ax.axvline(0.0, color="0.3", linewidth=0.8)
                shown = frame[(frame["neurons"] == m) & (frame["measure"] == measure)]
                for k, dataset in enumerate(datasets):
                    rows = shown[shown["dataset"] == dataset]
                    y = rows["place"] + 0.8 * ((k + 0.5) / len(datasets) - 0.5)
                    marker, colour = _MARKERS[k % len(_MARKERS)]
                    handles[dataset] = ax.scatter([], [], marker=marker, s=16, color=[colour])
                    if measure != "loss":
                        ax.hlines(y, rows["low"], rows["high"], color=[colour], linewidth=0.8)
                    face = [colour if found else "white" for found in rows["found"]]
                    style = {"facecolors": face, "edgecolors": [colour], "linewidths": 0.6}
                    ax.scatter(rows["x"], y, marker=marker, s=9, zorder=3, **style)
            names = [
                (f"{arm} {strength:g}" if strength >= 0 else arm)
                + (f" (to {against})" if against != "none" else "")
                for arm, strength, against in arms.itertuples(index=False)
            ]
            line[0].set_yticks(np.arange(len(arms)), names)
            line[0].set_ylim(len(arms) - 0.5, -0.5)
            line[-1].set_xlim(-1.05, 1.05)
            beside_axes(line[-1], f"$m = {m}$")
        figure.supxlabel("paired difference")
        legend(figure, handles)
    return figure
