"""``python -m benchmarks.regularized [--publish]``: minima and valleys, by the weight decay.

Small problems with one and two inputs: all local minima on N* (atlas), all valleys on N* and N'
(merge trees), the least loss of N' beside the optimum of networks of any width. That is a convex
program over all activation patterns, solved here by cvxpy and clarabel from patterns by linear
programs, sharing nothing with the package. Figure and tables go to ``docs/regularized.md``.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import cvxpy
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import linprog
from scipy.stats import bootstrap

from benchmarks.publish import markdown, publish
from landscape.atlas import make_atlas
from landscape.plots import STYLE, render
from landscape.spaces import BalancedSpace, make_space
from landscape.stationarity import Budget, check_with_norm, merge_kinks
from landscape.trees import merge_tree
from landscape.verdict import Verdict

Array = np.ndarray
STRENGTHS = np.geomspace(1e-4, 0.3, 8)
#: Inputs, samples, how many problems; the width: neurons with biases of N* and N', one less of N.
PROBLEMS = [(1, 5, 14), (2, 4, 6)]
NEURONS = 2
#: For widths up to so many neurons, on the first problems with one input, every other strength.
WIDEST, WIDE = 3, 4
DOCS = Path(__file__).parents[2] / "docs"
MAKER = "python -m benchmarks.regularized --publish"


def problem(p: int, n: int, seed: int) -> tuple[Array, Array]:
    """Inputs in [-1, 1], a noisy wave with mean zero and variance one."""
    rng = np.random.default_rng([seed, n, p])
    x = rng.uniform(-1, 1, (n, p))
    y = np.sin(4 * x.sum(axis=1) + seed) + 0.3 * rng.standard_normal(n)
    return x, (y - y.mean()) / y.std()


def patterns(X: Array) -> list[Array]:
    """Activation patterns of one neuron, by a linear program for each of the 2^n sign vectors."""
    found = []
    for sides in product((-1.0, 1.0), repeat=len(X)):
        rows = np.array(sides)[:, None] * X
        result = linprog(
            np.append(np.zeros(X.shape[1]), -1.0),
            A_ub=np.hstack([-rows, np.ones((len(X), 1))]),
            b_ub=np.zeros(len(X)),
            bounds=[(-1, 1)] * X.shape[1] + [(None, None)],
        )
        if result.x[-1] > 1e-9:
            found.append(np.array(sides))
    return found


def any_width(x: Array, y: Array, strength: float) -> float:
    """The least penalized loss of networks of any width."""
    X = np.column_stack([x, np.ones(len(x))])
    values, penalty, constraints = np.zeros(len(x)), 0.0, []
    for sides in patterns(X):
        for sign in (1.0, -1.0):
            u = cvxpy.Variable(X.shape[1])
            values = values + sign * cvxpy.multiply(np.maximum(sides, 0.0), X @ u)
            penalty = penalty + cvxpy.norm(u[:-1], 2)
            constraints.append(cvxpy.multiply(sides, X @ u) >= 0)
    total = cvxpy.sum_squares(values - y) / len(y) + 2 * strength * penalty
    return float(cvxpy.Problem(cvxpy.Minimize(total), constraints).solve(solver=cvxpy.CLARABEL))


def bound(x: Array, y: Array, strength: float, residuals: Array) -> float:
    """What no network of any width is below, from the residuals of one (Theorem 44).

    Their multiples whose ridges are at most the weight decay, found by bisection over certified
    answers: any of them gives a bound, and the largest is taken.
    """
    X, z = np.column_stack([x, np.ones(len(x))]), residuals - residuals.mean()
    norm = np.append(np.full(x.shape[1], len(y) * strength), 0.0)

    def admitted(t: float) -> bool:
        return all(
            check_with_norm(h, norm, 1e-12 * h.terms, np.zeros(norm.size), Budget()).verdict
            is Verdict.HOLDS
            for h in (merge_kinks(np.zeros(norm.size), X, sign * t * z) for sign in (1, -1))
        )

    low, high = 0.0, 1.0
    if admitted(high):
        low = high
    for _ in range(20 if low < high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if admitted(middle) else (low, middle)
    t = min(low, max(0.0, float(-(z @ y) / (z @ z)))) if z.any() else 0.0
    return float(-(2 * t * (z @ y) + t * t * (z @ z)) / len(y))


def measure(p: int, n: int, seed: int) -> list[dict[str, float]]:
    """One record of a problem for each strength."""
    x, y = problem(p, n, seed)
    star, prime = (make_space(name, p, NEURONS - 1) for name in ("restricted", "balanced"))
    rows = []
    for k, strength in enumerate(STRENGTHS.tolist()):
        atlas = make_atlas(x, y, space=star, weight_decay=strength)
        worst = max(atlas.entries, key=lambda entry: entry.loss)
        values = star.embed(x) @ worst.parametrization.products.T
        residuals = np.maximum(values, 0.0) @ np.sign(worst.parametrization.output_weights) - y
        trees = [merge_tree(x, y, space=s, weight_decay=strength) for s in (star, prime)]
        row = {
            "inputs": p,
            "seed": seed,
            "strength": strength,
            "minima": len(atlas),
            "undecided": len(atlas.undecided),
            "highest": worst.loss,
            "bound": bound(x, y, strength, residuals),
            "valleys_star": len(trees[0]),
            "valleys": len(trees[1]),
            "spurious": int(trees[1].spurious.sum()),
            "least": float(trees[1].pairs[0, 0]),
            "tolerance": max(tree.tolerance for tree in trees),
            "any_width": any_width(x, y, strength),
        }
        if p == 1 and seed < WIDE and k % 2:
            for m in range(1, WIDEST + 1):
                tree = merge_tree(x, y, space=BalancedSpace(3, m), weight_decay=strength)
                row[f"least_{m}"] = float(tree.pairs[0, 0])
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def middle(values: list[float]) -> str:
    """The median, and its 95 % bootstrap interval."""
    data = np.array(values, dtype=float)
    if np.ptp(data) == 0:
        return f"{data[0]:g}"
    found = bootstrap((data,), np.median, method="percentile", random_state=0).confidence_interval
    return f"{np.median(data):g} ({found.low:g} to {found.high:g})"


def tables(rows: list[dict[str, float]]) -> str:
    """What goes to the page."""
    parts = []
    for p, n, count in PROBLEMS:
        own = [row for row in rows if row["inputs"] == p]
        lines = []
        for strength in STRENGTHS.tolist():
            at = [row for row in own if row["strength"] == strength]
            excess = [row["least"] - row["any_width"] for row in at]
            lines.append(
                [
                    f"{strength:.2g}",
                    *(middle([row[key] for row in at]) for key in ("minima", "valleys_star")),
                    middle([row["valleys"] for row in at]),
                    middle([row["spurious"] for row in at]),
                    f"{sum(row['spurious'] == 0 for row in at)} of {count}",
                    f"{np.median(excess):.1e}",
                    f"{sum(e < 1e-6 for e in excess)} of {count}",
                    f"{np.median([row['highest'] - row['any_width'] for row in at]):.1e}",
                    f"{np.median([row['highest'] - row['bound'] for row in at]):.1e}",
                ]
            )
        head = ["α", "minima, N*", "valleys, N*", "valleys, N'", "spurious, N'", "none spurious"]
        head += ["median excess", "excess < 1e-6", "highest minimum: excess", "at most"]
        title = f"{p} input{'s' * (p > 1)}, {n} samples, {count} problems"
        parts.append(f"{title}:\n\n{markdown(head, lines)}")
    wide = [row for row in rows if "least_1" in row]
    lines = []
    for strength in sorted({row["strength"] for row in wide}):
        at = [row for row in wide if row["strength"] == strength]
        excess = [
            [row[f"least_{m}"] - row["any_width"] for row in at] for m in range(1, WIDEST + 1)
        ]
        lines.append(
            [f"{strength:.2g}", *(f"{sum(e < 1e-6 for e in es)} of {len(at)}" for es in excess)]
        )
    head = ["α", *(f"{m} neuron{'s' * (m > 1)}" for m in range(1, WIDEST + 1))]
    parts.append(
        "Problems on which N' with so many neurons reaches the optimum of any width:\n\n"
        + markdown(head, lines)
    )
    below = min(row["least"] - row["any_width"] for row in rows)
    undecided = sum(row["undecided"] for row in rows)
    parts.append(
        f"Least excess over the convex program: {below:.1e} (its solver stops at about 1e-8). "
        f"Levels of trees are known up to {max(row['tolerance'] for row in rows):.1e}. "
        f"Undecided faces of the {len(rows)} atlases: {undecided}."
    )
    return "\n\n".join(parts)


def figure(rows: list[dict[str, float]], path: Path) -> None:
    """Medians and quartiles by the strength."""
    with mpl.rc_context(STYLE):
        canvas, axes = plt.subplots(1, 2, figsize=(7.5, 3), sharey=True, layout="constrained")
        kinds = {"minima": "minima, N*", "valleys_star": "valleys, N*", "valleys": "valleys, N'"}
        for ax, (p, n, count) in zip(axes, PROBLEMS, strict=True):
            for key, label in kinds.items():
                counts = np.array(
                    [
                        [row[key] for row in rows if row["inputs"] == p and row["strength"] == s]
                        for s in STRENGTHS.tolist()
                    ]
                )
                low, mid, high = np.percentile(counts, [25, 50, 75], axis=1)
                (line,) = ax.plot(STRENGTHS, mid, marker="o", ms=3, label=label)
                ax.fill_between(STRENGTHS, low, high, alpha=0.2, color=line.get_color(), lw=0)
            title = f"{p} input{'s' * (p > 1)}, {n} samples, {count} problems"
            ax.set(xscale="log", title=title, xlabel="weight decay α")
        axes[0].set(ylabel="how many", ylim=(0, None))
        axes[0].legend()
    path.write_bytes(render(canvas, "png"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.regularized", description=__doc__)
    parser.add_argument("--publish", action="store_true", help="write docs/regularized.md")
    options = parser.parse_args()
    cases = [(p, n, seed) for p, n, count in PROBLEMS for seed in range(count)]
    rows = [row for own in Parallel(n_jobs=2)(delayed(measure)(*c) for c in cases) for row in own]
    text = tables(rows)
    print(text)
    if options.publish:
        publish(text, DOCS / "regularized.md", MAKER)
        figure(rows, DOCS / "figures/regularized.png")


if __name__ == "__main__":
    main()
