"""Findings on starts, their ends and their losses."""

from __future__ import annotations

import pandas as pd

from landscape.tables.findings.words import (
    ALARM,
    SPACE_NAMES,
    Finding,
    Own,
    by_space,
    counts_of,
    number,
    topic,
)
from landscape.tables.rows import not_worse


@topic("starts", "fits", "No start was trained.")
def starts(fits: pd.DataFrame, own: Own) -> Finding:
    """How many starts there were, and how training ended."""
    ended = fits["training_outcome"].value_counts()
    words = {
        "converged": "converged by the solver's test",
        "iteration_limit": "reached the limit of iterations",
        "stalled": "stalled",
        "failed": "failed",
    }
    outcomes = ", ".join(f"{int(ended.get(key, 0)):,} {text}" for key, text in words.items())
    per_cell = fits.groupby(["space", "neurons"]).size()
    spaces = [name for space, name in SPACE_NAMES.items() if space in set(fits["space"])]
    widths = " and ".join(f"m = {m}" for m in sorted(set(fits["neurons"])))
    each = f"{per_cell.min():,}" if per_cell.nunique() == 1 else "Differently many"
    text = f"{each} starts for each of {', '.join(spaces)} with {widths}, {len(fits):,} in all"
    return Finding("measured", f"{text}: {outcomes}.", "fits")


@topic("certificates", "fits", "No end point was tested.")
def certificates(fits: pd.DataFrame, own: Own) -> Finding:
    """How many ends of the descent are certified local minima, and how many of these proved."""
    counts = counts_of(fits["verdict"])
    certified = int((fits["minimum"] >= 0).sum())
    text = (
        f"Of {number(len(fits), 'end point')} of the descent, {certified:,} are certified local "
        f"minima, {counts['violated']:,} proven to be none, {counts['undecided']:,} undecided."
    )
    minima = own["minima"]
    if tried := int(minima["proof"].ne("").sum()):
        proofs = minima["proof"].value_counts()
        text += (
            f" Of {number(tried, 'distinct minimum', 'distinct minima')} for which that was tried, "
            f"{proofs.get('proved', 0):,} are proved in rational arithmetic."
        )
        if refuted := int(proofs.get("refuted", 0)):
            text += f" {refuted:,} are refuted there as they stand, digit by digit."
    if other := counts["holds"] - certified:
        text += f" {other:,} more pass the test and are counted as no minimum of the study."
    open_ones = "verdict=undecided" if counts["undecided"] else ""
    return Finding("undecided" if open_ones else "measured", text, "fits", open_ones)


@topic("distinct minima", "minima", "No certified minimum was found.")
def distinct(minima: pd.DataFrame, own: Own) -> Finding:
    """How many different minima there are."""
    border = int(minima["violations"].ne("").sum())
    text = f"Distinct certified minima, {by_space(minima, lambda rows: f'{len(rows):,}')}."
    if border:
        one = "lies" if border == 1 else "lie"
        text += f" {border:,} of them {one} on the border of their space and are not probed."
    return Finding("measured", text, "minima")


@topic("losses", "minima", "No certified minimum, so no loss at one.")
def losses(minima: pd.DataFrame, own: Own) -> Finding:
    """The lowest losses, by space and number of neurons."""
    text = by_space(minima, lambda rows: f"{rows['loss'].min():.4g}")
    fits = own["fits"].set_index(["neurons", "start"])
    free = fits.loc[fits["space"] == "unrestricted", "loss"]
    here = fits.loc[fits["space"] == "restricted", "loss"]
    common = here.index.intersection(free.index)
    text = f"Lowest loss at a certified minimum, {text}."
    if len(common):
        better = not_worse(here[common], free[common])
        text += (
            f" Start by start, N* ends no higher than unrestricted networks at {better.sum():,} of "
            f"{number(len(common), 'start')}: on N* a start keeps the signs of its output weights."
        )
    return Finding("measured", text, "summary")


@topic("lifts", "fits", "No end point was lifted into N*.")
def lifts(fits: pd.DataFrame, own: Own) -> Finding:
    """Corollary 1.3, item 2: unrestricted ends lifted into N*."""
    lifts = fits[fits["lift_loss"].notna()]
    if lifts.empty:
        return Finding("not tested", "No end point was lifted into N*.", "fits")
    good = not_worse(lifts["lift_loss"], lifts["loss"])
    text = (
        f"Of {number(len(lifts), 'end point')} of unrestricted networks, lifted into N* by Lemma "
        f"A.4 and descended there, {good.sum():,} end no higher (Corollary 1.3, item 2)."
    )
    if not good.all():
        text += f" {ALARM}."
    status = "agrees" if good.all() else "contradicts"
    return Finding(status, text, "fits", "space=unrestricted")
