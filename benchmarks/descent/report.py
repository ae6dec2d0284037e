"""Tables and findings of the measurements, as text for the docs."""

from __future__ import annotations

import pandas as pd

from benchmarks.descent.problems import problems
from benchmarks.publish import markdown

DESCENTS = ("descent", "descent, near")
SOLVERS = ("trf", "SLSQP", "L-BFGS-B")  # scipy's
PEERS = (*SOLVERS, "MLPRegressor")
#: Losses that differ relatively by less count as equal: the digits of a sum of squares.
EQUAL = 1e-9


def report(table: pd.DataFrame) -> str:
    """Three tables, by problem and method, and where a peer does better."""
    rows = table.set_index(["problem", "method"])
    names = list(dict.fromkeys(table["problem"]))

    def entry(problem: str, method: str, column: str) -> float:
        return float(rows.loc[(problem, method), column])

    def time(problem: str, method: str) -> str:
        ms = entry(problem, method, "ms per start")
        return f"{ms:.3g}" if ms < 1000 else f"{ms:,.0f}"

    def losses(problem: str, method: str) -> str:
        median, best = (entry(problem, method, f"{kind} loss") for kind in ("median", "best"))
        return f"{median:.3g} ({best:.3g})"

    def certified(problem: str, method: str) -> str:
        share = f"{100 * entry(problem, method, 'certified'):.0f} %"
        after = (problem, f"{method}, then descent")
        if after in rows.index:
            share += f", then {100 * entry(*after, 'certified'):.0f} %"
        return share

    head = ["inputs, m, n", *DESCENTS, *PEERS]
    starts = (f"{name} {rows.loc[(name, 'trf'), 'starts']}" for name in names)
    parts = [f"Starts per problem: {', '.join(starts)}."]
    if len(names) < (n_all := len(problems())):
        parts[0] += f" Only the first {len(names)} of {n_all} problems (`--problems {len(names)}`)."
    for title, cell in (
        ("CPU time per start, in ms:", time),
        ("Loss, median (best):", losses),
        ("Certified minima among the end points, and after descent from them:", certified),
    ):
        lines = [[name, *(cell(name, method) for method in head[1:])] for name in names]
        parts += [title, markdown(head, lines)]
    return "\n\n".join([*parts, *(finding(rows, names, method) for method in DESCENTS)])


def finding(rows: pd.DataFrame, names: list[str], method: str) -> str:
    """Where a descent alone is slower than a peer, and where its median loss is higher."""

    def where(column: str) -> str:
        found = []
        for name in names:
            own = float(rows.loc[(name, method), column])
            others = {peer: float(rows.loc[(name, peer), column]) for peer in PEERS}
            better = [f"{x:.3g} of `{peer}`" for peer, x in others.items() if own > x * (1 + EQUAL)]
            if better:
                found.append(f"{name} ({own:.3g} against {' and '.join(better)})")
        return f"on {len(found)}: {'; '.join(found)}" if found else "on none"

    return (
        f'Of {len(names)} problems, "{method}" alone is slower than a peer '
        f"{where('ms per start')}. Its median loss is higher than a peer's {where('median loss')}."
    )
