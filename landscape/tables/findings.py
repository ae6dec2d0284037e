"""Findings per data set, in sentences that say what the tables hold and nothing else.

Each topic is one function from a data set's rows to a :class:`Finding`. Its status says how the
rows compare with what is proven:

- ``agrees``: tested, and every case came out as proven;
- ``contradicts``: at least one case did not, so a theorem or this software is wrong;
- ``undecided``: none contradicts, and at least one could not be decided;
- ``not tested``: there is no case, so nothing is known;
- ``measured``: numbers for which nothing is proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from landscape.study.verdicts import count_verdicts
from landscape.tables.files import shape_frame
from landscape.tables.frames import not_worse
from landscape.tables.schemas import TABLES

__all__ = ["SPACE_NAMES", "STATUSES", "TOPICS", "Finding", "findings_frame", "number"]

STATUSES = ("contradicts", "undecided", "not tested", "agrees", "measured")
SPACE_NAMES = {"restricted": "N*", "balanced": "N'", "unrestricted": "unrestricted networks"}

#: What a sentence goes on with where a proven statement seems to fail.
ALARM = "A proven statement fails here: its proof, or this software, has a mistake"

#: Tables by name, the rows of one data set each.
Own = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """One finding about one data set.

    Attributes
    ----------
    status : str
        One of :data:`STATUSES`.
    text : str
        Sentences.
    table, search : str
        The rows that it rests on: a table, and terms ``column=value`` that all of them meet.
    """

    status: str
    text: str
    table: str
    search: str = ""


def findings_frame(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Table ``findings``: per data set and topic what was tested, held, failed, is undecided.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``fits``, ``minima``, ``probes``, ``controls``, ``brackets``, ``converse``, ``natural``,
        ``stability`` and ``solvers``.
    """
    rows = []
    for dataset in sorted(set(tables["fits"]["dataset"])):
        own = {
            name: frame[frame["dataset"] == dataset]
            for name, frame in tables.items()
            if "dataset" in frame
        }
        for topic, write in TOPICS.items():
            found = write(own)
            rows.append(
                {
                    "dataset": dataset,
                    "topic": topic,
                    "status": found.status,
                    "finding": found.text,
                    "table": found.table,
                    "search": f"dataset={dataset} {found.search}".strip(),
                }
            )
    return shape_frame(TABLES["findings"], rows)


def number(count: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 ball``, ``1,200 balls``, ``no ball``.

    Examples
    --------
    >>> number(0, "ball"), number(1, "minimum", "minima"), number(1200, "ball")
    ('no ball', '1 minimum', '1,200 balls')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}" if count else f"no {one}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


#: Exponents as a reader expects them.
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _figures(value: float) -> str:
    """Two significant digits: 0.25, 41,000, 3.1 × 10⁻¹⁰."""
    if not np.isfinite(value):
        return "unbounded" if value > 0 else "unknown"
    if 100 <= value < 1e7:
        return f"{float(f'{value:.2g}'):,.0f}"
    digits, _, power = f"{value:.2g}".partition("e")
    return f"{digits} × 10{str(int(power)).translate(SUPERSCRIPTS)}" if power else digits


def _median(values: pd.Series) -> str:
    """The median of the finite values."""
    finite = values[np.isfinite(values)]
    return _figures(float(finite.median())) if len(finite) else "unknown"


def _counts(verdicts: pd.Series) -> dict[str, int]:
    return count_verdicts(verdicts.to_numpy())


def _verdicts(counts: Mapping[str, int]) -> str:
    return f"{counts['holds']} hold, {counts['violated']} violated, {counts['undecided']} undecided"


def _status(counts: Mapping[str, int], proven: str = "holds") -> str:
    """How verdicts compare with a statement that proves one of them."""
    against = "violated" if proven == "holds" else "holds"
    if not sum(counts.values()):
        return "not tested"
    return "contradicts" if counts[against] else "undecided" if counts["undecided"] else "agrees"


def _minima_of(frame: pd.DataFrame) -> int:
    return len(frame[["neurons", "minimum"]].drop_duplicates())


def _cells(frame: pd.DataFrame) -> list[tuple[str, Any, pd.DataFrame]]:
    """Rows by space and number of neurons, N* first."""
    return [
        (space, neurons, own)
        for space in SPACE_NAMES
        for neurons, own in frame[frame["space"] == space].groupby("neurons")
    ]


def _by_space(frame: pd.DataFrame, say: Callable[[pd.DataFrame], str]) -> str:
    """``N*: 96 (m = 2), 100 (m = 4); N': ...``."""
    parts: dict[str, list[str]] = {}
    for space, neurons, own in _cells(frame):
        parts.setdefault(SPACE_NAMES[space], []).append(f"{say(own)} (m = {neurons})")
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in parts.items())


# --- training and its end points -----------------------------------------------------------------


def _starts(own: Own) -> Finding:
    fits = own["fits"]
    if fits.empty:
        return Finding("not tested", "No start was trained.", "fits")
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
    return Finding(
        "measured",
        f"{each} starts for each of {', '.join(spaces)} with {widths}, {len(fits):,} in all: "
        f"{outcomes}.",
        "fits",
    )


def _certificates(own: Own) -> Finding:
    fits = own["fits"]
    counts = _counts(fits["verdict"])
    certified = int((fits["minimum"] >= 0).sum())
    text = (
        f"Of {number(len(fits), 'end point')} of the descent, {certified:,} are certified local "
        f"minima, {counts['violated']:,} proven to be none, {counts['undecided']:,} undecided."
    )
    if other := counts["holds"] - certified:
        text += f" {other:,} more pass the test and are counted as no minimum of the study."
    if fits.empty:
        return Finding("not tested", "No end point was tested.", "fits")
    open_ones = "verdict=undecided" if counts["undecided"] else ""
    return Finding("undecided" if open_ones else "measured", text, "fits", open_ones)


def _distinct(own: Own) -> Finding:
    minima = own["minima"]
    if minima.empty:
        return Finding("not tested", "No certified minimum was found.", "minima")
    border = int(minima["violations"].ne("").sum())
    text = f"Distinct certified minima, {_by_space(minima, lambda rows: f'{len(rows):,}')}."
    if border:
        one = "lies" if border == 1 else "lie"
        text += f" {border:,} of them {one} on the border of their space and are not probed."
    return Finding("measured", text, "minima")


def _losses(own: Own) -> Finding:
    minima = own["minima"]
    if minima.empty:
        return Finding("not tested", "No certified minimum, so no loss at one.", "minima")
    text = _by_space(minima, lambda rows: f"{rows['loss'].min():.4g}")
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


def _lifts(own: Own) -> Finding:
    lifts = own["fits"][own["fits"]["lift_loss"].notna()]
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


# --- realization space ---------------------------------------------------------------------------


def _balls_in(own: Own, space: str) -> pd.DataFrame:
    probes = own["probes"]
    return probes[(probes["space"] == space) & (probes["ball"] != "control C.1")]


def _found(counts: Mapping[str, int]) -> str:
    """What balls with these verdicts hold."""
    return (
        f"{counts['holds']:,} hold no better realization, {counts['violated']:,} "
        f"{_have(counts['violated'])} one, {counts['undecided']:,} are undecided"
    )


def _balls(own: Own) -> Finding:
    balls = _balls_in(own, "restricted")
    if balls.empty:
        return Finding("not tested", "No ball around a minimum of N* was tested.", "probes")
    counts = _counts(balls["verdict"])
    status = _status(counts)
    minima = number(_minima_of(balls), "minimum", "minima")
    text = (
        f"Of {number(len(balls), 'ball')} in realization space around {minima} of N*, "
        f"{_found(counts)} (Proposition 1.2, Corollary 1.3)."
    )
    if status == "contradicts":
        text += f" {ALARM}."
    search = {"contradicts": " verdict=violated", "undecided": " verdict=undecided"}
    return Finding(status, text, "probes", "space=restricted" + search.get(status, ""))


def _balanced_balls(own: Own) -> Finding:
    balls = _balls_in(own, "balanced")
    if balls.empty:
        return Finding("not tested", "No ball around a minimum of N' was tested.", "probes")
    counts = _counts(balls["verdict"])
    text = (
        f"Nothing is proven on N', where opposite neurons are allowed. Of "
        f"{number(len(balls), 'ball')} around "
        f"{number(_minima_of(balls), 'minimum', 'minima')} of N', {_found(counts)}."
    )
    return Finding(
        "undecided" if counts["undecided"] else "measured", text, "probes", "space=balanced"
    )


def _controls(own: Own) -> Finding:
    steps = own["controls"]
    if steps.empty:
        text = "No control was built, so a probe that never fails would not be noticed."
        return Finding("not tested", text, "controls")
    groups = steps.groupby(["neurons", "minimum", "kind"])["verdict"]
    verdicts = groups.agg(
        lambda own: "holds" if own.eq("holds").any() else "violated" if own.eq("violated").all()
        else "undecided"
    )  # fmt: skip
    counts = _counts(verdicts)
    kinds = verdicts.groupby(level="kind").size()
    status = _status(counts, proven="violated")
    text = (
        f"{number(len(verdicts), 'control').capitalize()} outside N* "
        f"({', '.join(f'{n} of {kind}' for kind, n in kinds.items())}), where the implication has "
        f"to fail: at {counts['violated']:,} there are better realizations at every distance that "
        f"was tried, at {counts['holds']:,} not, {counts['undecided']:,} are undecided."
    )
    if status == "contradicts":
        text += f" {ALARM}."
    search = {"contradicts": "verdict=holds", "undecided": "verdict=undecided"}
    return Finding(status, text, "controls", search.get(status, ""))


def _radii(own: Own) -> Finding:
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
            f", in the median up to a factor {_median(width)}, and {_median(gain)} times the "
            "certified one"
        )
    if len(minima) > len(found):
        text += f"; of {len(minima) - len(found):,} only from below: no better point was found"
    crossed = minima[minima["radius_high"] < minima["radius_low"]]
    if len(crossed):
        return Finding("contradicts", f"{text}; {len(crossed)} ends cross. {ALARM}.", "minima")
    return Finding("measured", f"{text}.", "minima", "space=restricted")


def _realization(own: Own) -> Finding:
    """What Corollary 1.3 promises against what is proven and found, per minimum."""
    minima = own["minima"][own["minima"]["space"] == "restricted"]
    key = ["neurons", "minimum"]
    promised = minima.set_index(key)["paper_radius"]
    rigid = own["probes"][
        (own["probes"]["ball"] == "rigid")
        & (own["probes"]["space"] == "restricted")
        & (own["probes"]["verdict"] == "holds")
    ].set_index(key)["radius"]
    wide = own["brackets"]
    if rigid.empty and wide.empty:
        return Finding("not tested", "No radius in realization space was bracketed.", "brackets")
    text = ""
    if len(rigid):
        ratio = rigid / promised.reindex(rigid.index)
        many = number(len(rigid), "minimum", "minima")
        text = (
            f"Corollary 1.3 promises the radius r²/16, in the median "
            f"{_median(promised.reindex(rigid.index))}; at {many} of N* the ball of radius close "
            f"to ½ min ‖u_i‖, in the median {_median(ratio)} times as large, holds no better "
            "realization either. "
        )
    better = wide[np.isfinite(wide["radius_high"]) & (wide["radius_low"] > 0)]
    if len(wide):
        text += (
            f"Beyond it, better realizations were found around {len(better):,} of "
            f"{number(len(wide), 'minimum', 'minima')} that were searched"
        )
        text += (
            f", in the median at {_median(better['radius_high'] / better['radius_low'])} times the "
            "proven radius."
            if len(better)
            else "; for the others the radius is known from below only."
        )
    return Finding("measured", text.strip(), "brackets")


def _converse(own: Own) -> Finding:
    draws = own["converse"]
    if draws.empty:
        return Finding("not tested", "No network with optimal scales was drawn.", "converse")
    counts = _counts(draws["realization"])
    status = _status(counts)
    text = (
        f"Of {number(len(draws), 'network')} with random directions and optimal scales, as minima "
        f"in realization space: {_verdicts(counts)}; as minima of the parameters: "
        f"{_verdicts(_counts(draws['parameters']))}. Proposition 1.2 has no converse."
    )
    if status == "contradicts":
        text += f" {ALARM}: optimal scales make a minimum on such a ball."
    return Finding(status, text, "converse")


def _natural(own: Own) -> Finding:
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
            f"{_have(spare)} spare neurons; the implication: {_verdicts(_counts(rows['verdict']))}"
        )
    text = "Outside N*, where nothing is proven: " + "; ".join(parts) + "."
    open_ones = natural["verdict"].eq("undecided").any()
    return Finding("undecided" if open_ones else "measured", text, "natural")


def _stability(own: Own) -> Finding:
    pairs = own["stability"]
    within, outside = pairs[pairs["within"] == 1], pairs[pairs["within"] == 0]
    if within.empty:
        return Finding("not tested", "No pair of networks of N* was compared.", "stability")
    counts = _counts(within["verdict"])
    ratios = within["ratio"][np.isfinite(within["ratio"])]
    largest = f"; the largest distance / √r is {ratios.max():.4f}" if len(ratios) else ""
    status = _status(counts)
    text = (
        f"Distance of parametrizations at most 2√2 √r at {number(len(within), 'pair')} of N*: "
        f"{_verdicts(counts)}{largest}."
    )
    if status == "contradicts":
        text += f" {ALARM}."
    if len(outside):
        text += (
            f" At {number(len(outside), 'pair')} outside, where it must fail as r goes to 0: "
            f"{_verdicts(_counts(outside['verdict']))}."
        )
    search = {"contradicts": " verdict=violated", "undecided": " verdict=undecided"}
    return Finding(status, text, "stability", "within=1" + search.get(status, ""))


def _solvers(own: Own) -> Finding:
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


#: The topics in the order of the study, each with what writes its finding.
TOPICS: dict[str, Callable[[Own], Finding]] = {
    "starts": _starts,
    "certificates": _certificates,
    "distinct minima": _distinct,
    "losses": _losses,
    "lifts": _lifts,
    "balls of N*": _balls,
    "controls": _controls,
    "balls of N'": _balanced_balls,
    "natural cases": _natural,
    "converse": _converse,
    "parameter radius": _radii,
    "realization radius": _realization,
    "inverse stability": _stability,
    "solvers": _solvers,
}
