"""Findings on realization space: balls, controls, radii, stability; and on solvers."""

from __future__ import annotations

from collections.abc import Mapping

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
    minima_of,
    number,
    say_verdicts,
    status_of,
)

__all__ = [
    "balanced_balls",
    "balls",
    "controls",
    "converse",
    "natural",
    "parameter_radius",
    "realization_radius",
    "solvers",
    "stability",
]


def _balls_in(own: Own, space: str) -> pd.DataFrame:
    probes = own["probes"]
    return probes[(probes["space"] == space) & (probes["ball"] != "control C.1")]


def _found(counts: Mapping[str, int]) -> str:
    """What balls with these verdicts hold."""
    return (
        f"{counts['holds']:,} hold no better realization, {counts['violated']:,} "
        f"{have(counts['violated'])} one, {counts['undecided']:,} are undecided"
    )


def _why_no_ball(own: Own, space: str, name: str) -> str:
    """That no ball was tested, and why."""
    minima = own["minima"]
    here = minima[minima["space"] == space]
    if here.empty:
        reason = "training found no certified one"
    elif here["violations"].ne("").all():
        reason = f"of {number(len(here), 'distinct one')} none keeps every condition of {name}"
    else:
        reason = f"'{space}' is not in probe.spaces of the config, or probe.max_minima is 0"
    return f"No ball around a minimum of {name} was tested: {reason}."


def balls(own: Own) -> Finding:
    """Proposition 1.2 around minima of N*."""
    balls = _balls_in(own, "restricted")
    if balls.empty:
        return Finding("not tested", _why_no_ball(own, "restricted", "N*"), "probes")
    counts = counts_of(balls["verdict"])
    status = status_of(counts)
    minima = number(minima_of(balls), "minimum", "minima")
    text = (
        f"Of {number(len(balls), 'ball')} in realization space around {minima} of N*, "
        f"{_found(counts)} (Proposition 1.2, Corollary 1.3)."
    )
    if status == "contradicts":
        text += f" {ALARM}."
    search = {"contradicts": " verdict=violated", "undecided": " verdict=undecided"}
    return Finding(status, text, "probes", "space=restricted" + search.get(status, ""))


def balanced_balls(own: Own) -> Finding:
    """The same balls around minima of N', where nothing is proven."""
    balls = _balls_in(own, "balanced")
    if balls.empty:
        return Finding("not tested", _why_no_ball(own, "balanced", "N'"), "probes")
    counts = counts_of(balls["verdict"])
    text = (
        f"Nothing is proven on N', where opposite neurons are allowed. Of "
        f"{number(len(balls), 'ball')} around "
        f"{number(minima_of(balls), 'minimum', 'minima')} of N', {_found(counts)}."
    )
    return Finding(
        "undecided" if counts["undecided"] else "measured", text, "probes", "space=balanced"
    )


#: By how much (MSE) a loss may be lower than one that is said to be optimal.
_ROUNDING = 1e-6


def controls(own: Own) -> Finding:
    """Networks outside N*, at which the implication has to fail.

    Unless no network of any width is better, which is the verdict ``holds``; then none in the study
    may be.
    """
    steps = own["controls"]
    if steps.empty:
        text = "No control was built, so a probe that never fails would not be noticed."
        return Finding("not tested", text, "controls")
    groups = steps.groupby(["neurons", "minimum", "kind"])["verdict"]
    verdicts = groups.agg(
        lambda own: "holds" if own.eq("holds").any() else "violated" if own.eq("violated").all()
        else "undecided"
    )  # fmt: skip
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
    if counts["holds"]:
        text += (
            f" At {counts['holds']:,} no network of any width is better, so that nothing can fail."
        )
    if beaten:
        text += f" But a network of the study is. {ALARM}."
    search = {"contradicts": "verdict=holds", "undecided": "verdict=undecided"}
    return Finding(status, text, "controls", search.get(status, ""))


def parameter_radius(own: Own) -> Finding:
    """Brackets of the radius in parameter space."""
    minima = own["minima"][own["minima"]["radius_high_method"] != ""]
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


def realization_radius(own: Own) -> Finding:
    """What Corollary 1.3 promises against what is proven and found, per minimum."""
    minima = own["minima"][own["minima"]["space"] == "restricted"]
    key = ["neurons", "minimum"]
    promised = minima.set_index(key)["paper_radius"]
    rigid = own["probes"][
        (own["probes"]["ball"] == "rigid")
        & (own["probes"]["space"] == "restricted")
        & (own["probes"]["verdict"] == "holds")
    ].set_index(key)["radius"]
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
    better = wide[np.isfinite(wide["radius_high"]) & (wide["radius_low"] > 0)]
    if len(wide):
        text += (
            f"{'Beyond it, better' if text else 'Better'} realizations were found around "
            f"{len(better):,} of {number(len(wide), 'minimum', 'minima')} that were searched"
        )
        text += (
            f", in the median at {median(better['radius_high'] / better['radius_low'])} times the "
            "proven radius."
            if len(better)
            else "; for the others the radius is known from below only."
        )
    return Finding("measured", text.strip(), "brackets")


def converse(own: Own) -> Finding:
    """The converse of Proposition 1.2, which fails."""
    draws = own["converse"]
    if draws.empty:
        return Finding("not tested", "No network with optimal scales was drawn.", "converse")
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


def natural(own: Own) -> Finding:
    """Minima outside N* as training finds them."""
    natural = own["natural"]
    if natural.empty:
        return Finding("not tested", "No minimum outside N* was examined.", "natural")
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


def stability(own: Own) -> Finding:
    """Inverse stability itself: Corollary 3.3, with the sharp constant."""
    pairs = own["stability"]
    within, outside = pairs[pairs["within"] == 1], pairs[pairs["within"] == 0]
    if within.empty:
        return Finding("not tested", "No pair of networks of N* was compared.", "stability")
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
    return Finding(status, text, "stability", "within=1" + search.get(status, ""))


def solvers(own: Own) -> Finding:
    """What each solver's ends are, before and after the descent."""
    solvers = own["solvers"]
    if solvers.empty:
        return Finding("not tested", "No solver was compared.", "solvers")
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
