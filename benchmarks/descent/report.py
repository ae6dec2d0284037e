"""Tables and findings of the measurements, as text for the docs."""

from __future__ import annotations

import pandas as pd

from benchmarks.descent.problems import problems
from benchmarks.publish import markdown

PEERS = ("trf", "SLSQP", "L-BFGS-B", "MLPRegressor")
#: Losses that differ relatively by less count as equal: the digits of a sum of squares.
EQUAL = 1e-9


def report(table: pd.DataFrame) -> str:
    """Three tables, by problem and method, and what they say about descent beside ``trf``."""
    rows = table.set_index(["problem", "method"])
    names = list(dict.fromkeys(table["problem"]))

    def entry(problem: str, method: str, column: str) -> float:
        return float(rows.loc[(problem, method), column])

    def time(problem: str, method: str) -> str:
        return f"{entry(problem, method, 'ms per start'):.3g}"

    def losses(problem: str, method: str) -> str:
        median, best = (entry(problem, method, f"{kind} loss") for kind in ("median", "best"))
        return f"{median:.3g} ({best:.3g})"

    def certified(problem: str, method: str) -> str:
        share = f"{100 * entry(problem, method, 'certified'):.0f} %"
        after = (problem, f"{method}, then descent")
        if after in rows.index:
            share += f", then {100 * entry(*after, 'certified'):.0f} %"
        return share

    head = ["inputs, m, n", "descent", *PEERS]
    parts = [f"{table['starts'].iloc[0]} starts per problem."]
    if len(names) < (n_all := len(problems())):
        parts[0] += f" Only the first {len(names)} of {n_all} problems (`--problems {len(names)}`)."
    for title, cell in (
        ("CPU time per start, in ms:", time),
        ("Loss, median (best):", losses),
        ("Certified minima among the end points, and after descent from them:", certified),
    ):
        lines = [[name, *(cell(name, method) for method in head[1:])] for name in names]
        parts += [title, markdown(head, lines)]
    slower = [
        f"{name} ({time(name, 'descent')} against {time(name, 'trf')} ms)"
        for name in names
        if entry(name, "descent", "ms per start") >= entry(name, "trf", "ms per start")
    ]
    higher = [
        f"{name} ({entry(name, 'descent', 'median loss'):.4g} against "
        f"{entry(name, 'trf', 'median loss'):.4g})"
        for name in names
        if entry(name, "descent", "median loss") > entry(name, "trf", "median loss") * (1 + EQUAL)
    ]
    return "\n\n".join([*parts, finding(len(names), slower, higher)])


def finding(n_problems: int, slower: list[str], higher: list[str]) -> str:
    """Where descent alone is slower than ``trf``, and where its median loss is higher."""

    def where(found: list[str]) -> str:
        return "on none" if not found else f"on {len(found)}: {'; '.join(found)}"

    return (
        f"Of {n_problems} problems, descent alone is slower than `trf` {where(slower)}. "
        f"Its median loss is higher {where(higher)}."
    )
