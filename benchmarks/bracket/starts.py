"""How often starts of each of the study's solvers end at the proven global optimum."""

from math import comb
from pathlib import Path

import numpy as np

from benchmarks.publish import markdown
from landscape.bracket import BracketOutcome, bracket_global_minimum
from landscape.descent import descend
from landscape.plots import BLUE, GREEN, ORANGE, RED, TWO_COLUMNS, render, styled
from landscape.streams import stream
from landscape.study.cells import Cell
from landscape.training import train

#: Inputs, neurons of the network with biases, and how many problems.
CASES = [(1, 1, 40), (1, 2, 40), (1, 3, 40), (2, 1, 15), (2, 2, 15)]
STARTS = 20
#: A start counts if it ends within this share of the target's variance of the optimum.
ENOUGH = 1e-6
#: Solver before the descent, iterations, and whether the descent looks far; look.
SOLVERS = {
    "SLSQP": ("SLSQP", 200, False, (ORANGE, "-", "o")),
    "L-BFGS-B": ("L-BFGS-B", 200, False, (GREEN, "-", "s")),
    "trust-constr": ("trust-constr", 50, False, (BLUE, "-", "^")),
    "trf": ("trf", 200, False, (RED, "-", "v")),
    "descent alone": (None, 0, False, ("0.5", "--", "x")),
    "descent, far": (None, 0, True, ("black", "--", "+")),
}
FIGURE = Path(__file__).parents[2] / "docs/figures/starts.png"


def problem(inputs: int, neurons: int, k: int) -> Cell:
    """A sine of the sum of inputs, of a random frequency, with noise; unit variance."""
    rng = stream(0, "bracket benchmark", inputs, neurons, k)
    x = rng.uniform(-1, 1, (int(rng.integers(12, 26)), inputs))
    y = np.sin(rng.uniform(2, 8) * x.sum(axis=1)) + 0.3 * rng.standard_normal(len(x))
    return Cell(f"sine {k}", x, (y - y.mean()) / y.std(), neurons, seed=0)


def hits(cell: Cell, name: str, optimum: float) -> int:
    """How many of the cell's starts, as in a study, end at the optimum."""
    solver, iterations, far, _ = SOLVERS[name]
    task, found = cell.task("unrestricted"), 0
    for start in range(STARTS):
        theta = task.embed(cell.start(start)[0])
        if solver:
            theta = task.ask(train, theta, solver=solver, max_iter=iterations).parametrization
        found += task.ask(descend, theta, far=far).loss <= optimum + ENOUGH
    return found


def count() -> dict[tuple[int, int], dict[str, list[int]]]:
    """Starts at the optimum, per case, solver and problem; brackets that stay open are left out."""
    counts = {}
    for inputs, neurons, n_problems in CASES:
        own = counts[inputs, neurons] = {name: [] for name in SOLVERS}
        for k in range(n_problems):
            cell = problem(inputs, neurons, k)
            space = cell.task("unrestricted").space
            best = bracket_global_minimum(
                cell.features, cell.target, space=space, time_limit=np.inf, node_limit=10**6
            )
            if best.outcome is BracketOutcome.CLOSED:
                for name, found in own.items():
                    found.append(hits(cell, name, best.upper))
        told = ", ".join(f"{name} {sum(f) / len(f) / STARTS:.0%}" for name, f in own.items())
        print(f"{inputs} inputs, {neurons} neurons, {len(own['trf'])} problems: {told}", flush=True)
    return counts


def best_of(found: list[int], k: int) -> float:
    """The share of problems whose optimum the best of k of the starts reaches, on average."""
    return 1 - float(np.mean([comb(STARTS - h, k) for h in found])) / comb(STARTS, k)


@styled
def figure(counts: dict[tuple[int, int], dict[str, list[int]]]) -> object:
    """Shares over the number of starts, a panel per case."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(TWO_COLUMNS, 2.3), layout="constrained")
    steps = np.arange(1, STARTS + 1)
    for ax, ((inputs, neurons), own) in zip(
        drawn.subplots(1, len(counts), sharey=True), counts.items(), strict=True
    ):
        for name, found in own.items():
            colour, style, marker = SOLVERS[name][-1]
            shares = [best_of(found, k) for k in steps]
            look = {"color": colour, "linestyle": style, "marker": marker, "markevery": 6}
            ax.plot(steps, shares, label=name, linewidth=1, markersize=4, **look)
        ax.set_title(f"{inputs} input{'s' * (inputs > 1)}, $m = {neurons}$")
        ax.set(ylim=(-0.03, 1.03), xticks=[1, 10, 20])
    drawn.supxlabel("random starts")
    drawn.supylabel("share of problems with\nthe global optimum found")
    return drawn


def starts() -> str:
    """The table; the figure goes to the docs."""
    counts = count()
    FIGURE.write_bytes(render(figure(counts), "png"))
    rows = [
        [
            name,
            *(
                f"{best_of(own[name], 1):.0%}, {best_of(own[name], STARTS):.0%}"
                for own in counts.values()
            ),
        ]
        for name in SOLVERS
    ]
    head = [
        f"{d} input{'s' * (d > 1)}, m = {m} ({len(own['trf'])})" for (d, m), own in counts.items()
    ]
    return markdown(["solver", *head], rows)
