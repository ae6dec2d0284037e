"""Findings on realization space: balls, controls, radii, stability; and on solvers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from landscape.tables.findings.words import (
    ALARM,
    SPACE_NAMES,
    Finding,
    Own,
    counts_of,
    have,
    median,
    number,
    say_verdicts,
    status_of,
    topic,
)
from landscape.tables.rows import control_verdicts

#: By how much (MSE) a loss may be lower than one that is said to be optimal.
_ROUNDING = 1e-6


@topic("rigid balls", "probes", "No ball around a minimum of N* was tested.")
def balls(probes: pd.DataFrame, own: Own) -> Finding:
    """Theorem 13 at the minima of N*: the verdict is forced, another one would be a mistake."""
    counts = counts_of(probes["verdict"])
    status = status_of(counts)
    text = (
        f"At {counts['holds']:,} of {number(len(probes), 'minimum', 'minima')} of N* the ball of "
        "radius close to ½ min ‖u_i‖ in realization space holds nothing better, as Theorem 13 says "
        "of every local minimum (Proposition 1.2 and Corollary 1.3 of smaller balls): this tests "
        "the program, not the paper."
    )
    if counts["undecided"]:
        text += f" {counts['undecided']:,} are undecided."
    if counts["violated"]:
        text += f" {counts['violated']:,} {have(counts['violated'])} a better one. {ALARM}."
    search = {"contradicts": "verdict=violated", "undecided": "verdict=undecided"}
    return Finding(status, text, "probes", search.get(status, ""))


@topic(
    "controls", "controls", "No control was built: a probe that never fails would pass unnoticed."
)
def controls(steps: pd.DataFrame, own: Own) -> Finding:
    """Networks outside N*, at which the implication has to fail.

    Unless no network of any width is better, which is the verdict ``holds``; then none in the study
    may be.
    """
    verdicts = control_verdicts(steps)
    counts = counts_of(verdicts)
    kinds = verdicts.groupby(level="kind").size()
    minima = own["minima"][own["minima"]["space"] == "restricted"]
    optimal = steps[steps["verdict"].eq("holds") & steps["base"].eq("minimum")]
    losses = optimal.merge(minima, on=["neurons", "minimum"])["loss"]
    beaten = bool((losses > own["fits"]["loss"].min() + _ROUNDING).any())
    tested = {**counts, "holds": int(beaten)}
    status = status_of(tested, proven="violated")
    text = (
        f"{number(len(verdicts), 'control').capitalize()} outside N* "
        f"({', '.join(f'{n} of {kind}' for kind, n in kinds.items())}), where the implication has "
        f"to fail: at {counts['violated']:,} there are better realizations at every distance that "
        f"was tried, {counts['undecided']:,} are undecided."
    )
    extended = steps[steps["base"] == "extended"]
    if built := len(extended[["neurons", "minimum", "kind"]].drop_duplicates()):
        text += (
            f" {built:,} of C.3 are built on a minimum that two neurons were added to, as its own "
            "has none that is active on all samples."
        )
    if counts["holds"]:
        text += (
            f" At {counts['holds']:,} no network of any width is better, so that nothing can fail."
        )
    if beaten:
        text += f" But a network of the study is. {ALARM}."
    search = {"contradicts": "verdict=holds", "undecided": "verdict=undecided"}
    return Finding(status, text, "controls", search.get(status, ""))


@topic("natural cases", "natural", "No minimum outside N* was examined.")
def natural(natural: pd.DataFrame, own: Own) -> Finding:
    """Minima outside N* as training finds them."""
    parts = []
    for space in ("balanced", "unrestricted"):
        rows = natural[natural["space"] == space]
        if rows.empty:
            continue
        spare = int((rows["spare"] > 0).sum())
        parts.append(
            f"of {number(len(rows), 'minimum', 'minima')} of {SPACE_NAMES[space]}, {spare:,} "
            f"{have(spare)} spare neurons; the implication: "
            f"{say_verdicts(counts_of(rows['verdict']))}"
        )
    text = "Outside N*, where nothing is proven: " + "; ".join(parts) + "."
    open_ones = natural["verdict"].eq("undecided").any()
    return Finding("undecided" if open_ones else "measured", text, "natural")


@topic("converse", "converse", "No network with optimal scales was drawn.")
def converse(draws: pd.DataFrame, own: Own) -> Finding:
    """The converse of Proposition 1.2, which fails."""
    counts = counts_of(draws["realization"])
    status = status_of(counts)
    text = (
        f"Of {number(len(draws), 'network')} with random directions and optimal scales, as minima "
        f"in realization space: {say_verdicts(counts)}; as minima of the parameters: "
        f"{say_verdicts(counts_of(draws['parameters']))}. Proposition 1.2 has no converse."
    )
    if status == "contradicts":
        text += f" {ALARM}: optimal scales make a minimum on such a ball."
    return Finding(status, text, "converse")


@topic("parameter radius", "minima", "No certified minimum, so no radius of one.")
def parameter_radius(minima: pd.DataFrame, own: Own) -> Finding:
    """Brackets of the radius in parameter space."""
    minima = minima[minima["radius_high_method"] != ""]
    if minima.empty:
        return Finding("not tested", "No radius in parameter space was bracketed.", "minima")
    found = minima[np.isfinite(minima["radius_high"]) & (minima["radius_low"] > 0)]
    text = (
        f"Of {number(len(minima), 'bracketed minimum', 'bracketed minima')}, the radius in "
        f"parameter space of {len(found):,} is known from both sides"
    )
    if len(found):
        width, gain = (
            found["radius_high"] / found["radius_low"],
            found["radius_low"] / found["radius"],
        )
        text += (
            f", in the median up to a factor {median(width)}, and {median(gain)} times the "
            "certified one"
        )
    unbounded = int(np.isinf(minima["radius_low"]).sum())
    below = len(minima) - len(found) - unbounded
    if unbounded:
        text += f"; of {unbounded:,} it is infinite: the residual is zero"
    if below:
        text += f"; of {below:,} only from below: no better point was found"
    crossed = minima[minima["radius_high"] < minima["radius_low"]]
    if len(crossed):
        return Finding("contradicts", f"{text}; {len(crossed)} ends cross. {ALARM}.", "minima")
    return Finding("measured", f"{text}.", "minima", "space=restricted")


@topic("realization radius", "minima", "No certified minimum, so no radius of its realization.")
def realization_radius(minima: pd.DataFrame, own: Own) -> Finding:
    """What Corollary 1.3 promises against what is proven and found, per minimum."""
    minima = minima[minima["space"] == "restricted"]
    key = ["neurons", "minimum"]
    promised = minima.set_index(key)["paper_radius"]
    rigid = own["probes"][own["probes"]["verdict"] == "holds"].set_index(key)["radius"]
    rigid = rigid[np.isfinite(promised.reindex(rigid.index))]  # infinite: nothing is left to gain
    wide = own["brackets"]
    if rigid.empty and wide.empty:
        return Finding("not tested", "No radius in realization space was bracketed.", "brackets")
    text = ""
    if len(rigid):
        ratio = rigid / promised.reindex(rigid.index)
        many = number(len(rigid), "minimum", "minima")
        text = (
            f"Corollary 1.3 promises the radius r²/16, in the median "
            f"{median(promised.reindex(rigid.index))}; at {many} of N* the ball of radius close "
            f"to ½ min ‖u_i‖, in the median {median(ratio)} times as large, holds no better "
            "realization either. "
        )
    for space in dict.fromkeys(wide["space"]):
        searched = wide[wide["space"] == space]
        better = searched[np.isfinite(searched["radius_high"]) & (searched["radius_low"] > 0)]
        text += (
            f"Beyond ½ min ‖u_i‖, where nothing is proven, better realizations were found around "
            f"{len(better):,} of {number(len(searched), 'minimum', 'minima')} of "
            f"{SPACE_NAMES[space]} that were searched"
        )
        text += (
            f", in the median at {median(better['radius_high'] / better['radius_low'])} times the "
            "proven radius. "
            if len(better)
            else "; for the others the radius is known from below only. "
        )
    uniform = wide["uniform_radius"][wide["uniform_radius"] > 0]
    if len(uniform):
        text += (
            f"In the uniform norm, {number(len(uniform), 'minimum', 'minima')} of N* are minima of "
            f"radius {median(uniform)} in the median (Theorem 17)."
        )
    return Finding("measured", text.strip(), "brackets")


@topic("inverse stability", "pairs", "No pair of networks of N* was compared.")
def stability(pairs: pd.DataFrame, own: Own) -> Finding:
    """Inverse stability itself: Corollary 3.3, with the sharp constant."""
    within, outside = pairs[pairs["within"] == 1], pairs[pairs["within"] == 0]
    if within.empty:
        return Finding("not tested", "No pair of networks of N* was compared.", "pairs")
    counts = counts_of(within["verdict"])
    ratios = within["ratio"][np.isfinite(within["ratio"])]
    largest = f"; the largest distance / √r is {ratios.max():.4f}" if len(ratios) else ""
    status = status_of(counts)
    text = (
        f"Distance of parametrizations at most 2√2 √r at {number(len(within), 'pair')} of N*: "
        f"{say_verdicts(counts)}{largest}."
    )
    if status == "contradicts":
        text += f" {ALARM}."
    if len(outside):
        text += (
            f" At {number(len(outside), 'pair')} outside, where it must fail as r goes to 0: "
            f"{say_verdicts(counts_of(outside['verdict']))}."
        )
    search = {"contradicts": " verdict=violated", "undecided": " verdict=undecided"}
    return Finding(status, text, "pairs", "within=1" + search.get(status, ""))


@topic("solvers", "solvers", "No solver was compared.")
def solvers(solvers: pd.DataFrame, own: Own) -> Finding:
    """What each solver's ends are, before and after the descent."""
    columns = ["trained_certified", "certified", "starts"]
    parts = [
        f"{solver} {counts['trained_certified']:,} and {counts['certified']:,} of "
        f"{counts['starts']:,}"
        for solver, counts in solvers.groupby("solver")[columns].sum().iterrows()
    ]
    text = (
        f"Ends that are certified minima of N*, before and after the descent: {'; '.join(parts)}."
    )
    return Finding("measured", text, "solvers")
