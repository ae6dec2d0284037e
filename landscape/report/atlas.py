"""What the atlases say, per small problem."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from landscape.tables.findings import ALARM, Finding, number

__all__ = ["atlas_findings"]


def atlas_findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, Finding]:
    """A finding per problem of the tables ``atlas`` and ``coverage``; none without them.

    A certified end that the atlas lacks contradicts it; an end that is no certified minimum is
    counted apart.
    """
    if "atlas" not in tables or "coverage" not in tables:
        return {}
    atlas, coverage = tables["atlas"], tables["coverage"]
    problems = dict.fromkeys([*atlas["problem"], *coverage["problem"]])
    return {
        name: _finding(name, atlas[atlas["problem"] == name], coverage[coverage["problem"] == name])
        for name in problems
    }


def _finding(name: str, entries: pd.DataFrame, starts: pd.DataFrame) -> Finding:
    best = int(entries["is_global"].sum())
    text = (
        f"On N* there {'is' if len(entries) == 1 else 'are'} "
        f"{number(len(entries), 'connected set')} of local minima, {best} of them global"
    )
    if len(entries):
        text += f", with losses from {entries['loss'].min():.4g} to {entries['loss'].max():.4g}"
    parts = [
        f"{solver} {own.loc[own['number'] >= 0, 'number'].nunique():,}, with "
        f"{int(own['is_global'].sum()):,} of {number(len(own), 'start')} at a global one"
        for solver, own in starts.groupby("solver")
    ]
    text += f". Found by starts of each solver: {'; '.join(parts)}." if parts else "."
    lacking = int(starts["number"].eq(-2).sum())
    uncertified = int(starts["number"].eq(-1).sum())
    if uncertified:
        text += f" {number(uncertified, 'end')} of them certified no minimum."
    if lacking:
        text += f" {number(lacking, 'certified end')} of them the atlas lacks. {ALARM}."
        return Finding("contradicts", text, "coverage", f"problem={name} number=-2")
    status = "agrees" if len(starts) and len(entries) else "not tested"
    return Finding(status, text, "atlas", f"problem={name}")
