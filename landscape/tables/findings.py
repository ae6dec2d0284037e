"""Findings per data set, in sentences that say what the tables hold and nothing else.

Each topic (:data:`TOPICS`) is one function from a data set's rows to a :class:`Finding`, whose
status says how they compare with what is proven: every case ``agrees``; at least one
``contradicts``; else one is ``undecided``; there is none, ``not tested``; ``measured``, where
nothing is proven.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from landscape.study.rows import objective_in
from landscape.tables.rows import FindingRow, control_verdicts, not_worse
from landscape.verdict import Verdict

SPACE_NAMES = {"restricted": "N*", "balanced": "N'", "unrestricted": "unrestricted networks"}

#: What a sentence goes on with where a proven statement seems to fail.
ALARM = "A proven statement fails here: its proof, or this software, has a mistake"
#: By how much (MSE) a loss may be lower than one that is said to be optimal.
_ROUNDING = 1e-6
#: Exponents as a reader expects them.
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: Tables by name, the rows of one data set each.
Own = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """A status, its sentences, and the rows of a table (terms ``column=value``) they rest on."""

    status: str
    text: str
    table: str
    search: str = ""

    @property
    def finding(self) -> str:
        """All that is to be said."""
        return f"{self.text} {ALARM}." if self.status == "contradicts" else self.text


def number(count: int, one: str) -> str:
    """A count with its noun.

    Examples
    --------
    >>> number(0, "ball"), number(2, "minimum"), number(1200, "ball")
    ('no ball', '2 minima', '1,200 balls')
    """
    many = one.replace("minimum", "minima") if one.endswith("minimum") else f"{one}s"
    return f"{count:,} {one if count == 1 else many}" if count else f"no {one}"


def _have(count: int) -> str:
    return f"{count:,} {'has' if count == 1 else 'have'}"


def _median(values: pd.Series) -> str:
    """The median of the finite values, in two digits: 0.25, 41,000, 3.1 × 10⁻¹⁰."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return "unknown"
    value = float(finite.median())
    if 100 <= value < 1e7:
        return f"{float(f'{value:.2g}'):,.0f}"
    digits, _, power = f"{value:.2g}".partition("e")
    return f"{digits} × 10{str(int(power)).translate(_SUPERSCRIPTS)}" if power else digits


def _counts(verdicts: pd.Series) -> dict[str, int]:
    """How often each verdict occurs, all three; any other word would be lost, and is refused."""
    known = [verdict.value for verdict in Verdict]
    if strange := sorted(set(verdicts) - set(known)):
        raise ValueError(f"verdicts: expected {', '.join(known)}, got {', '.join(strange)}")
    return {name: int(verdicts.eq(name).sum()) for name in known}


def _say(verdicts: pd.Series) -> str:
    """Counts of verdicts in words."""
    return "{holds} hold, {violated} violated, {undecided} undecided".format_map(_counts(verdicts))


def _judged(counts: Mapping[str, int], against: str = "violated") -> tuple[str, str]:
    """How verdicts compare with a statement that none is ``against``; which rows show it."""
    if not sum(counts.values()):
        return "not tested", ""
    if counts[against]:
        return "contradicts", f"verdict={against}"
    return ("undecided", "verdict=undecided") if counts["undecided"] else ("agrees", "")


def _by_space(frame: pd.DataFrame, say: Callable[[pd.DataFrame], str]) -> str:
    """``N*: 96 (m = 2), 100 (m = 4); N': ...``."""
    parts = []
    for space, name in SPACE_NAMES.items():
        groups = frame[frame["space"] == space].groupby("neurons")
        if values := [f"{say(own)} (m = {neurons})" for neurons, own in groups]:
            parts.append(f"{name}: {', '.join(values)}")
    return "; ".join(parts)


# --- starts, their ends and their losses ---------------------------------------------------------


def _starts(fits: pd.DataFrame, own: Own) -> Finding:
    ended = fits["training_outcome"].value_counts()
    words = {
        "converged": "converged by the solver's test",
        "iteration_limit": "reached the limit of iterations",
        "stalled": "stalled",
        "failed": "failed",
    }
    outcomes = ", ".join(f"{ended.get(key, 0):,} {text}" for key, text in words.items())
    per_cell = fits.groupby(["space", "neurons"]).size()
    spaces = ", ".join(name for space, name in SPACE_NAMES.items() if space in set(fits["space"]))
    widths = " and ".join(f"m = {m}" for m in sorted(set(fits["neurons"])))
    each = f"{per_cell.min():,}" if per_cell.nunique() == 1 else "Differently many"
    text = f"{each} starts for each of {spaces} with {widths}, {len(fits):,} in all: {outcomes}."
    return Finding("measured", text, "fits")


def _certificates(fits: pd.DataFrame, own: Own) -> Finding:
    counts, certified = _counts(fits["verdict"]), int((fits["minimum"] >= 0).sum())
    text = (
        f"Of {number(len(fits), 'end point')} of the descent, {certified:,} are certified local "
        f"minima, {counts['violated']:,} proven to be none, {counts['undecided']:,} undecided."
    )
    proofs = own["minima"]["proof"].value_counts().drop("", errors="ignore")
    if tried := int(proofs.sum()):
        text += (
            f" Of {number(tried, 'distinct minimum')} for which that was tried, "
            f"{proofs.get('proved', 0):,} are proved in rational arithmetic."
        )
    if refuted := proofs.get("refuted", 0):
        text += f" {refuted:,} are refuted there as they stand, digit by digit."
    if endless := int(fits["descent_outcome"].eq("no_minimum").sum()):
        text += f" {endless:,} run off along a ray on which the loss falls without end."
    if other := counts["holds"] - certified:
        text += f" {other:,} more pass the test and are counted as no minimum of the study."
    if counts["undecided"]:
        return Finding("undecided", text, "fits", "verdict=undecided")
    return Finding("measured", text, "fits")


def _distinct(minima: pd.DataFrame, own: Own) -> Finding:
    text = f"Distinct certified minima, {_by_space(minima, lambda rows: f'{len(rows):,}')}."
    if border := int(minima["violations"].ne("").sum()):
        lie = "lies" if border == 1 else "lie"
        text += f" {border:,} of them {lie} on the border of their space and are not probed."
    return Finding("measured", text, "minima")


def _losses(minima: pd.DataFrame, own: Own) -> Finding:
    lowest = _by_space(minima, lambda rows: f"{rows['loss'].min():.4g}")
    name = objective_in(own)
    which = "loss" if name == "squared" else f"loss ({name})"
    text = f"Lowest {which} at a certified minimum, {lowest}."
    free, here = (
        own["fits"].query("space == @space").set_index(["neurons", "start"])["loss"]
        for space in ("unrestricted", "restricted")
    )
    if len(common := here.index.intersection(free.index)):
        text += (
            f" Start by start, N* ends no higher than unrestricted networks at "
            f"{not_worse(here[common], free[common]).sum():,} of {number(len(common), 'start')}: "
            "on N* a start keeps the signs of its output weights."
        )
    return Finding("measured", text, "summary")


def _optima(optima: pd.DataFrame, own: Own) -> Finding:
    """How far the best minimum of each cell is from the global one."""
    counts = _counts(optima["verdict"])
    text = (
        f"The best loss found is the global minimum, within 1e-8 of the target's mean square, in "
        f"{counts['holds']:,} of {number(len(optima), 'cell')} (space and m), by branch and bound"
    )
    if counts["violated"]:
        rows = optima[optima["verdict"] == "violated"]
        lower = rows["loss"] - rows["global_high"]
        text += (
            f"; in {counts['violated']:,} that found a lower network, by up to {lower.max():.2g}"
        )
    if counts["undecided"]:
        text += f"; {counts['undecided']:,} remain open"
    below = own["fits"].merge(optima, on=["space", "neurons"], suffixes=("", "_best"))
    if (below["loss"] < below["global_low"]).any():
        return Finding("contradicts", f"{text}. But a start ends below.", "optima")
    return Finding("measured", f"{text}.", "optima")


def _lifts(fits: pd.DataFrame, own: Own) -> Finding | None:
    """Corollary 1.3, item 2: unrestricted ends lifted into N*."""
    lifts = fits[fits["lift_loss"].notna()]
    if lifts.empty:
        return None
    good = not_worse(lifts["lift_loss"], lifts["loss"])
    text = (
        f"Of {number(len(lifts), 'end point')} of unrestricted networks, lifted into N* by Lemma "
        f"A.4 and descended there, {good.sum():,} end no higher (Corollary 1.3, item 2)."
    )
    status = "agrees" if good.all() else "contradicts"
    return Finding(status, text, "fits", "space=unrestricted")


# --- realization space: balls, controls, radii, stability; and solvers ---------------------------


def _balls(probes: pd.DataFrame, own: Own) -> Finding:
    """Theorem 13 at the minima of N*: the verdict is forced, another one would be a mistake."""
    status, search = _judged(counts := _counts(probes["verdict"]))
    text = (
        f"At {counts['holds']:,} of {number(len(probes), 'minimum')} of N* the ball of radius "
        "close to ½ min ‖u_i‖ in realization space holds nothing better, as Theorem 13 says of "
        "every local minimum (Proposition 1.2 and Corollary 1.3 of smaller balls): this tests the "
        "program, not the paper."
    )
    if counts["undecided"]:
        text += f" {counts['undecided']:,} are undecided."
    if counts["violated"]:
        text += f" {_have(counts['violated'])} a better one."
    return Finding(status, text, "probes", search)


def _controls(steps: pd.DataFrame, own: Own) -> Finding:
    """Networks outside N*, at which the implication has to fail.

    Unless no network of any width is better, which is the verdict ``holds``; then none in the study
    may be.
    """
    verdicts = control_verdicts(steps)
    counts = _counts(verdicts)
    minima = own["minima"][own["minima"]["space"] == "restricted"]
    optimal = steps[steps["verdict"].eq("holds") & steps["base"].eq("minimum")]
    losses = optimal.merge(minima, on=["neurons", "minimum"])["loss"]
    beaten = bool((losses > own["fits"]["loss"].min() + _ROUNDING).any())
    status, search = _judged({**counts, "holds": int(beaten)}, against="holds")
    kinds = ", ".join(f"{k} of {kind}" for kind, k in verdicts.groupby(level="kind").size().items())
    text = (
        f"{number(len(verdicts), 'control').capitalize()} outside N* ({kinds}), where the "
        f"implication has to fail: at {counts['violated']:,} there are better realizations at "
        f"every distance that was tried, {counts['undecided']:,} are undecided."
    )
    extended = steps[steps["base"] == "extended"]
    if built := len(extended[["neurons", "minimum", "kind"]].drop_duplicates()):
        text += (
            f" {built:,} of C.3 are built on a minimum that two neurons were added to, as its own "
            "has none that is active on all samples."
        )
    if n := counts["holds"]:
        text += f" At {n:,} no network of any width is better, so that nothing can fail."
    if beaten:
        text += " But a network of the study is."
    return Finding(status, text, "controls", search)


def _natural(natural: pd.DataFrame, own: Own) -> Finding:
    parts = [
        f"of {number(len(rows), 'minimum')} of {SPACE_NAMES[str(space)]}, "
        f"{_have((rows['spare'] > 0).sum())} spare neurons; the implication: "
        f"{_say(rows['verdict'])}"
        for space, rows in natural.groupby("space")
    ]
    status = "undecided" if natural["verdict"].eq("undecided").any() else "measured"
    text = f"Outside N*, where nothing is proven: {'; '.join(parts)}."
    return Finding(status, text, "natural")


def _converse(draws: pd.DataFrame, own: Own) -> Finding:
    """The converse of Proposition 1.2, which fails."""
    status, _ = _judged(_counts(draws["realization"]))
    text = (
        f"Of {number(len(draws), 'network')} with random directions and optimal scales, as minima "
        f"in realization space: {_say(draws['realization'])}; as minima of the parameters: "
        f"{_say(draws['parameters'])}. Proposition 1.2 has no converse."
    )
    if status == "contradicts":
        text += " But optimal scales make a minimum on such a ball."
    return Finding(status, text, "converse")


def _radius(minima: pd.DataFrame, own: Own) -> Finding | None:
    minima = minima[minima["radius_high_method"] != ""]
    if minima.empty:
        return None
    low, high = minima["radius_low"], minima["radius_high"]
    found = minima[np.isfinite(high) & (low > 0)]
    text = (
        f"Of {number(len(minima), 'bracketed minimum')}, the radius in parameter space of "
        f"{len(found):,} is known from both sides"
    )
    if len(found):
        text += (
            f", in the median up to a factor {_median(found['radius_high'] / found['radius_low'])}"
            f", and {_median(found['radius_low'] / found['radius'])} times the certified one"
        )
    unbounded = int(np.isinf(low).sum())
    if unbounded:
        text += f"; of {unbounded:,} it is infinite: the residual is zero"
    if below := len(minima) - len(found) - unbounded:
        text += f"; of {below:,} only from below: no better point was found"
    if crossed := int((high < low).sum()):
        return Finding("contradicts", f"{text}; {crossed} ends cross.", "minima")
    return Finding("measured", f"{text}.", "minima", "space=restricted")


def _realized(minima: pd.DataFrame, own: Own) -> Finding | None:
    """What Corollary 1.3 promises against what is proven and found, per minimum."""
    key, wide = ["neurons", "minimum"], own["brackets"]
    promised = minima[minima["space"] == "restricted"].set_index(key)["paper_radius"]
    rigid = own["probes"][own["probes"]["verdict"] == "holds"].set_index(key)["radius"]
    rigid = rigid[np.isfinite(promised.reindex(rigid.index))]  # infinite: nothing is left to gain
    promised = promised.reindex(rigid.index)
    if rigid.empty and wide.empty:
        return None
    parts = []
    if len(rigid):
        parts.append(
            f"Corollary 1.3 promises the radius r²/16, in the median {_median(promised)}; at "
            f"{number(len(rigid), 'minimum')} of N* the ball of radius close to "
            f"½ min ‖u_i‖, in the median {_median(rigid / promised)} times as large, holds no "
            "better realization either."
        )
    for space, searched in wide.groupby("space", sort=False):
        better = searched[np.isfinite(searched["radius_high"]) & (searched["radius_low"] > 0)]
        end = "; for the others the radius is known from below only."
        if len(better):
            ratio = _median(better["radius_high"] / better["radius_low"])
            end = f", in the median at {ratio} times the proven radius."
        parts.append(
            "Beyond ½ min ‖u_i‖, where nothing is proven, better realizations were found around "
            f"{len(better):,} of the {number(len(searched), 'minimum')} of "
            f"{SPACE_NAMES[str(space)]} searched{end}"
        )
    uniform = wide["uniform_radius"][wide["uniform_radius"] > 0]
    if len(uniform):
        parts.append(
            f"In the uniform norm the radius of {number(len(uniform), 'minimum')} of N* is at "
            f"least {_median(uniform)} in the median (Theorem 17)."
        )
    return Finding("measured", " ".join(parts), "brackets")


def _stability(pairs: pd.DataFrame, own: Own) -> Finding | None:
    """Inverse stability itself: Corollary 3.3, with the sharp constant."""
    within, outside = pairs[pairs["within"] == 1], pairs[pairs["within"] == 0]
    if within.empty:
        return None
    ratios = within["ratio"][np.isfinite(within["ratio"])]
    largest = f"; the largest distance / √r is {ratios.max():.4f}" if len(ratios) else ""
    status, search = _judged(_counts(within["verdict"]))
    text = (
        f"Distance of parametrizations at most 2√2 √r at {number(len(within), 'pair')} of N*: "
        f"{_say(within['verdict'])}{largest}."
    )
    if len(outside):
        text += (
            f" At {number(len(outside), 'pair')} outside, where it must fail as r goes to 0: "
            f"{_say(outside['verdict'])}."
        )
    return Finding(status, text, "pairs", f"within=1 {search}".strip())


def _solvers(solvers: pd.DataFrame, own: Own) -> Finding:
    sums = solvers.groupby("solver")[["trained_certified", "certified", "starts"]].sum()
    parts = "; ".join(f"{s} {a:,} and {b:,} of {n:,}" for s, a, b, n in sums.itertuples())
    text = f"Ends that are certified minima of N*, before and after the descent: {parts}."
    return Finding("measured", text, "solvers")


#: What writes the finding on each topic from a table's rows, and what is said without any.
TOPICS: dict[str, tuple[Callable[[pd.DataFrame, Own], Finding | None], str, str]] = {
    "starts": (_starts, "fits", "No start was trained."),
    "certificates": (_certificates, "fits", "No end point was tested."),
    "distinct minima": (_distinct, "minima", "No certified minimum was found."),
    "losses": (_losses, "minima", "No certified minimum, so no loss at one."),
    "global minimum": (_optima, "optima", "The global minimum was not bracketed."),
    "lifts": (_lifts, "fits", "No end point was lifted into N*."),
    "rigid balls": (_balls, "probes", "No ball around a minimum of N* was tested."),
    "controls": (_controls, "controls", "No control: a blind probe would pass unnoticed."),
    "natural cases": (_natural, "natural", "No minimum outside N* was examined."),
    "converse": (_converse, "converse", "No network with optimal scales was drawn."),
    "parameter radius": (_radius, "minima", "No radius in parameter space was bracketed."),
    "realization radius": (_realized, "minima", "No radius in realization space was bracketed."),
    "inverse stability": (_stability, "pairs", "No pair of networks of N* was compared."),
    "solvers": (_solvers, "solvers", "No solver was compared."),
}


#: Why topics are left out with weight decay.
WITHOUT_DECAY = {
    "controls": "With weight decay a spare neuron has its price: no control has to fail.",
    "natural cases": "With weight decay networks of one function differ: only N* is examined.",
}


def find(tables: Mapping[str, pd.DataFrame]) -> list[FindingRow]:
    """Per data set and topic what was tested, held, failed, is undecided, from all tables."""
    rows, decayed = [], "weight decay" in objective_in(tables)
    for data in sorted(set(tables["fits"]["dataset"])):
        own = {name: t[t["dataset"] == data] for name, t in tables.items() if "dataset" in t}
        for topic, (write, table, nothing) in TOPICS.items():
            found = None if own[table].empty else write(own[table], own)
            if decayed and topic in WITHOUT_DECAY:
                nothing = WITHOUT_DECAY[topic]
            found = found or Finding("not tested", nothing, table)
            search = f"dataset={data} {found.search}".strip()
            rows.append(FindingRow.copied(found, dataset=data, topic=topic, search=search))
    return rows
