"""Figure and page of the benchmark, both made from its table."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

DOCS = Path(__file__).parents[2] / "docs"
PAGE, TABLE = DOCS / "estimator" / "benchmark.md", DOCS / "estimator" / "benchmark.csv"
FIGURE = DOCS / "figures" / "estimator.png"

#: Colour and line style of a method.
STYLES = {
    "landscape, N*": ("#0173b2", "-"),
    "landscape, N": ("#56b4e9", "-"),
    "landscape, N, alpha=0.03": ("#56b4e9", ":"),
    "MLP lbfgs": ("#de8f05", "--"),
    "MLP lbfgs, alpha=0.1": ("#de8f05", ":"),
    "MLP lbfgs, alpha=1": ("#de8f05", ":"),
    "torch L-BFGS": ("#cc78bc", "-."),
    "ridge": ("0.45", "-"),
    "gradient boosting": ("0.1", "-"),
}
MARKERS = ("o", "s", "D", "^", "v")

#: Networks that all have the same functions, or one neuron more (N*), without penalty.
TRAINED = ("landscape, N*", "landscape, N", "MLP lbfgs", "torch L-BFGS")

#: Losses and times that differ by less, relatively, count as equal.
TIE = 1e-6


def figure(table: pd.DataFrame, path: Path) -> None:
    """Training loss and cross-validated R² against time, two panels for each data set."""
    names = list(dict.fromkeys(table["data"]))
    neurons = sorted(set(table["neurons"]))
    columns = 4
    n_rows = -(-2 * len(names) // columns)
    with plt.rc_context({"font.size": 8.0, "axes.titlesize": 8.0, "axes.labelsize": 8.0}):
        fig, axes = plt.subplots(
            n_rows, columns, figsize=(10.5, 2.15 * n_rows + 0.8), squeeze=False,
            layout="constrained",
        )  # fmt: skip
        flat = axes.ravel()
        for number, name in enumerate(names):
            rows = table[table["data"] == name]
            _losses(flat[2 * number], rows, neurons)
            _scores(flat[2 * number + 1], rows, neurons)
            n, d = int(rows["n"].iloc[0]), int(rows["d"].iloc[0])
            flat[2 * number].set_title(f"{name} ({n} × {d}): training loss", loc="left")
            flat[2 * number + 1].set_title(f"{name}: cross-validated R²", loc="left")
        for ax in flat[2 * len(names) :]:
            ax.set_visible(False)
        for ax in flat[max(0, 2 * len(names) - columns) : 2 * len(names)]:
            ax.set_xlabel("CPU seconds of the fit")
        used = set(table["method"])
        handles = [
            Line2D([], [], color=colour, linestyle=line, marker="o", markersize=3.5, label=method)
            for method, (colour, line) in STYLES.items()
            if method in used and not method.startswith("MLP lbfgs, alpha=1")
        ]
        handles += [
            Line2D([], [], color="0.3", linestyle="none", marker=marker, markersize=4,
                   markerfacecolor="white", label=f"m = {m}")
            for m, marker in zip(neurons, MARKERS, strict=False)
        ]  # fmt: skip
        fig.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
        fig.savefig(path, dpi=110)
        plt.close(fig)


def _losses(ax: Axes, rows: pd.DataFrame, neurons: list[int]) -> None:
    for method in TRAINED:
        for m, marker in zip(neurons, MARKERS, strict=False):
            points = rows[(rows["method"] == method) & (rows["neurons"] == m)]
            if len(points):
                colour, line = STYLES[method]
                ax.plot(
                    points["seconds"], np.maximum(points["loss"], 1e-12), color=colour,
                    linestyle=line, marker=marker, markersize=3.5, linewidth=1.0,
                    markerfacecolor="white",
                )  # fmt: skip
    for method in ("ridge", "gradient boosting"):
        points = rows[rows["method"] == method].head(1)
        ax.scatter(points["seconds"], points["loss"], s=16, color=STYLES[method][0], zorder=3)
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = (float(value) for value in ax.get_ylim())
    if low > 0 and high / low < 30:
        ticks = [t for t in np.outer(10.0 ** np.arange(-5, 2), [1, 2, 3, 5]).ravel()]
        ticks = [t for t in ticks if low <= t <= high]
        ax.yaxis.set_major_locator(FixedLocator(ticks))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_yticklabels([f"{t:g}" for t in ticks])
    ax.grid(color="0.92", linewidth=0.5)


def _scores(ax: Axes, rows: pd.DataFrame, neurons: list[int]) -> None:
    scored = rows[rows["cv R2"].notna()] if "cv R2" in rows else rows.head(0)
    if scored.empty:
        ax.set_visible(False)
        return
    for (method, m), points in scored.groupby(["method", "neurons"], sort=False):
        colour, line = STYLES[method]
        network = method not in ("ridge", "gradient boosting")
        if not network and m != neurons[0]:
            continue
        ax.scatter(
            points["seconds"],
            np.maximum(points["cv R2"], -1.0),  # worse than that is drawn on the lower edge
            marker=MARKERS[neurons.index(m)] if network else "o",
            s=16,
            edgecolors=colour,
            facecolors="white" if line != ":" and network else colour,
            zorder=3,
        )
    ax.set_xscale("log")
    ax.grid(color="0.92", linewidth=0.5)


def comparison(table: pd.DataFrame) -> pd.DataFrame:
    """One row per data set and width: losses, times and scores of the methods of interest."""
    final = table.loc[table.groupby(["data", "neurons", "method"], sort=False)["starts"].idxmax()]
    rows = []
    for (name, m), group in final.groupby(["data", "neurons"], sort=False):
        by = group.set_index("method")
        ours, theirs = by.loc["landscape, N*"], by.loc["MLP lbfgs"]
        others = by.loc[[method for method in TRAINED if method in by.index], "loss"]
        scores = by["cv R2"] if "cv R2" in by else pd.Series(np.nan, index=by.index)
        rows.append(
            {
                "data": name,
                "m": m,
                "N*": ours["loss"],
                "N": by.loc["landscape, N", "loss"],
                "MLP": theirs["loss"],
                "least": bool(
                    min(ours["loss"], by.loc["landscape, N", "loss"])
                    <= others.min() * (1 + TIE) + 1e-12
                ),
                "N* s": ours["seconds"],
                "N s": by.loc["landscape, N", "seconds"],
                "MLP s": theirs["seconds"],
                "MLP best s": theirs["seconds to best"],
                "certified": ours["certified"],
                "R2 N*": scores["landscape, N*"],
                "R2 N": scores["landscape, N"],
                "R2 MLP": scores["MLP lbfgs"],
                "R2 ridge": scores["ridge"],
                "R2 boosting": scores["gradient boosting"],
                "best method": scores.idxmax() if scores.notna().any() else "",
            }
        )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame) -> str:
    """The documentation's page: every sentence with a number is made from the table."""
    rows = comparison(table)
    starts = int(table["starts"].max())
    skipped = "" if "torch L-BFGS" in set(table["method"]) else " torch was not installed."

    def where(mask: pd.Series) -> str:
        places = [f"{row.data} with m = {row.m}" for row in rows[mask].itertuples()]
        return "nowhere" if not places else "; ".join(places)

    lost = ~rows["least"]
    equal = rows["N"] > rows["MLP"] * (1 + TIE) + 1e-12
    slower = np.minimum(rows["N* s"], rows["N s"]) > rows["MLP s"]
    later = rows["N s"] > rows["MLP best s"]
    ratio = float((rows["MLP s"] / rows["N s"]).median())
    parts = [
        "# Benchmark",
        "",
        _prose(
            "Made by `python -m benchmarks.estimator`, then `--publish`, from the table "
            f"[benchmark.csv](benchmark.csv). Best of {starts} starts each, one thread, CPU "
            "seconds, "
            'the same standardized data for all; `MLPRegressor(solver="lbfgs")` without penalty, '
            "to "
            f"convergence (`tol=1e-9`).{skipped} Losses are mean squared errors on the training "
            "data in variances of the target. N has exactly `MLPRegressor`'s functions; N*, the "
            'default, has one neuron more, which takes over the offset\'s role. "To best" is the '
            "time until the start of `MLPRegressor` that turned out to be its best had ended, "
            "which only hindsight knows. The constants of "
            "`solver='smoothing'` (widths, number of swaps) were chosen on these data sets, with "
            "other starts (`random_state=0`)."
        ),
        "",
        _prose(
            f"- Lowest training loss by this estimator: {int((~lost).sum())} of {len(rows)} rows. "
            f"Not so: {where(lost)}."
        ),
        _prose(f"- On equal functions, N above `MLPRegressor`: {where(equal)}."),
        _prose(
            f"- `MLPRegressor` takes {ratio:.1f} times the time of N (median). This estimator "
            "takes "
            f"longer than all starts of `MLPRegressor`: {where(slower)}."
        ),
        _prose(f"- N takes longer than `MLPRegressor` to its best start: {where(later)}."),
        "",
        "![Training loss and cross-validated R² against time](../figures/estimator.png)",
        "",
        "| data | m | loss N* | loss N | loss MLP | N* s | N s | MLP s | to best | N* certified |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows.to_dict("records"):
        parts.append(
            f"| {row['data']} | {row['m']} | {row['N*']:.4g} | {row['N']:.4g} | {row['MLP']:.4g} | "
            f"{row['N* s']:.2f} | {row['N s']:.2f} | {row['MLP s']:.2f} | "
            f"{row['MLP best s']:.2f} | {row['certified']} |"
        )
    if rows["R2 N"].notna().any():
        parts += [
            "",
            "## Out of sample",
            "",
            _prose(
                "R² of five-fold predictions, without penalties but for the last column. A lower "
                "training loss is no better prediction where the network is too wide for the data: "
                "choose `n_neurons` and `alpha` by [cross-validation](choosing-n-neurons.md)."
            ),
            "",
            "| data | m | N* | N | MLP | ridge | gradient boosting | best of all |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in rows.to_dict("records"):
            parts.append(
                f"| {row['data']} | {row['m']} | {row['R2 N*']:.3f} | {row['R2 N']:.3f} | "
                f"{row['R2 MLP']:.3f} | {row['R2 ridge']:.3f} | {row['R2 boosting']:.3f} | "
                f"{row['best method']} |"
            )
    return "\n".join(parts) + "\n"


def _prose(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def publish(source: Path) -> None:
    """Table, figure and page of a run into the documentation."""
    if not source.exists():
        raise SystemExit(f"{source}: not found; run python -m benchmarks.estimator first")
    table = pd.read_csv(source)
    shutil.copyfile(source, TABLE)
    figure(table, FIGURE)
    PAGE.write_text(page(table), encoding="utf-8")
    print(f"wrote {PAGE.name}, {TABLE.name} and {FIGURE.name} in docs")
