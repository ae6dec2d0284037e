"""What a report holds, in its order, and the parts that its two forms share."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from landscape.rows import frame_of
from landscape.study.rows import objective_in
from landscape.tables import ATLAS_FIGURES, FIGURES, NETWORK_FIGURES, TABLES
from landscape.tables.findings import SPACE_NAMES, Finding, number
from landscape.tables.rows import control_verdicts

#: Titles of all figures.
FIGURE_TITLES = {
    name: figure.title for name, figure in (FIGURES | NETWORK_FIGURES | ATLAS_FIGURES).items()
}

#: What every study is about.
SUBJECT = (
    "Optimization landscapes of shallow ReLU networks over unrestricted parametrizations, balanced "
    "ones (N') and restricted ones (N*), after Berner, Elbrächter and Grohs (NeurIPS 2019)"
)

#: The same for who reads it for the first time, in three sentences.
LEAD = (
    "Training moves the parameters of a network, but its loss depends only on the function that "
    "the network computes, its realization. So training can end at a local minimum of the "
    "parameters although a better realization is arbitrarily close: one without parameters nearby. "
    "Berner, Elbrächter and Grohs proved that this cannot happen on a restricted set of "
    "parametrizations, N*; this study looks for it on N* and outside, at exact local minima, "
    "on {}."
)

#: Topics with a proven statement to compare with.
PROVEN = ("lifts", "rigid balls", "controls", "converse", "inverse stability")


def facts_on(provenance: pd.DataFrame, topic: str) -> dict[str, str]:
    """The facts of a topic by item."""
    own = provenance[provenance["topic"] == topic]
    return dict(zip(own["item"], own["value"], strict=True))


def stamp(provenance: pd.DataFrame) -> list[str]:
    """What a study can be told by: ``seed 1``, ``landscape 0.1``, ``configuration ...``."""
    facts = provenance.set_index(["topic", "item"])["value"]
    named = {
        "seed": ("seed", "study"),
        "landscape": ("package", "landscape-relu"),
        "configuration": ("config", "sha256"),
    }
    return [f"{name} {facts[key][:12]}" for name, key in named.items() if key in facts.index]


def verdict_of_study(findings: pd.DataFrame) -> str:
    """One or two sentences on the proven statements over all data sets.

    Examples
    --------
    >>> columns = ["dataset", "topic", "status"]
    >>> print(verdict_of_study(pd.DataFrame([("a", "lifts", "agrees")], columns=columns)))
    1 comparison with a proven statement: 1 agrees.
    """
    counts = Counter(findings.loc[findings["topic"].isin(PROVEN), "status"])
    if not counts:
        return "No proven statement was compared with anything."
    say = {
        "agrees": ("agrees", "agree"),
        "contradicts": ("contradicts it", "contradict it"),
        "undecided": ("is undecided in part", "are undecided in part"),
        "not tested": ("was not tested", "were not tested"),
    }
    parts = [f"{counts[s]} {words[counts[s] > 1]}" for s, words in say.items() if counts[s]]
    return f"{number(counts.total(), 'comparison')} with a proven statement: {', '.join(parts)}."


def _counted(tables: Mapping[str, pd.DataFrame]) -> Counter[str]:
    """The study's main numbers over all data sets."""
    summary, controls = tables["summary"], tables["controls"]
    n = Counter({str(k): int(v) for k, v in summary.select_dtypes("integer").sum().items()})
    n["probed"] = n["probes_hold"] + n["probes_violated"] + n["probes_undecided"]
    n.pop("controls", None)
    for _, own in controls.groupby("dataset"):
        n.update(f"control {verdict}" for verdict in control_verdicts(own))
    n["all controls"] = sum(
        n[f"control {verdict}"] for verdict in ("holds", "violated", "undecided")
    )
    return n


def totals(tables: Mapping[str, pd.DataFrame]) -> str:
    """The study's main numbers over all data sets, in sentences."""
    n = _counted(tables)
    text = (
        f"Of {number(n['starts'], 'start')}, {n['certified']:,} ended at certified local minima "
        f"and {n['undecided']:,} are undecided. Of "
        f"{number(n['distinct_minima'], 'distinct minimum')}, "
        f"{n['proved_minima']:,} are proved in rational arithmetic. At {n['probes_hold']:,} of "
        f"{number(n['probed'], 'minimum')} of N* the rigid ball in realization space holds "
        f"nothing better, as Theorem 13 says; {n['probes_violated']:,} contradict it and "
        f"{n['probes_undecided']:,} are undecided. Of {number(n['all controls'], 'control')} "
        "outside N*, where the implication has to fail, it fails at "
        f"{n['control violated']:,}"
    )
    if optimal := n["control holds"]:
        text += f"; at {optimal:,} no network of any width is better, so that nothing can fail"
    if open_ones := n["control undecided"]:
        text += f"; {open_ones:,} are undecided"
    return f"{text}."


def lines_for_terminal(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What was found, in at most four lines."""
    n, scores = _counted(tables), tables["accuracy"]
    first = (
        f"{number(n['starts'], 'start')}: {n['certified']:,} ended at certified local minima, "
        f"{n['undecided']:,} undecided; {number(n['distinct_minima'], 'distinct minimum')}, "
        f"{n['proved_minima']:,} proved."
    )
    second = (
        f"N*: nothing better in the rigid ball at {n['probes_hold']:,} of "
        f"{number(n['probed'], 'minimum')}. Outside N*: the implication fails at "
        f"{n['control violated']:,} of {number(n['all controls'], 'control')}"
        + f", and at {n['control holds']:,} nothing better exists" * (n["control holds"] > 0)
        + "."
    )
    best = scores[scores["minimum"] >= 0].groupby("dataset")["explained"].max()
    linear = scores[scores["model"] == "linear"].set_index("dataset")["explained"]
    parts = [f"{name} {best[name]:.3g} ({linear[name]:.3g})" for name in best.index]
    more = f" and {len(parts) - 6} more" if len(parts) > 6 else ""
    score = fit_header(tables)[-1]
    fits = f"{score[0].upper()}{score[1:]} of the best certified minimum (of a linear fit): "
    fits += f"{', '.join(parts[:6])}{more}."
    return [first, second, verdict_of_study(tables["findings"]), *([fits] if parts else [])]


CELL_HEADER = ("m", "space", "starts", "certified", "undecided", "distinct", "best loss", "median")


def cell_rows(summary: pd.DataFrame, dataset: str) -> list[tuple[str, ...]]:
    """A data set's numbers per number of neurons and space, as text; see ``CELL_HEADER``."""
    own: Any = summary[summary["dataset"] == dataset].itertuples()
    order = list(SPACE_NAMES)
    return [
        (
            str(row.neurons),
            SPACE_NAMES[row.space].removesuffix(" networks"),
            *(f"{n:,}" for n in (row.starts, row.certified, row.undecided, row.distinct_minima)),
            *(f"{v:.4g}" if v == v else "none" for v in (row.best_certified_loss, row.median_loss)),
        )
        for row in sorted(own, key=lambda row: (row.neurons, order.index(row.space)))
    ]


def fit_header(tables: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Head of :func:`fit_rows`."""
    name = objective_in(tables)
    if name == "squared":
        return ("fit", "m", "error (RMSE)", "R²")
    right = ["right labels"] * name.startswith(("logistic", "hinge"))
    return ("fit", "m", "loss", *right, "loss explained")


def fit_rows(accuracy: pd.DataFrame, dataset: str) -> list[tuple[str, ...]]:
    """How well the best minima of a data set fit, beside mean and linear fit, as text."""
    frame = accuracy[accuracy["dataset"] == dataset]
    own: Any = frame.itertuples()
    mean = "mean" if frame["rmse"].notna().any() else "constant"
    names = {"mean": mean, "linear": "linear fit", **SPACE_NAMES}
    order = list(names)
    return [
        (
            names[row.model].removesuffix(" networks"),
            str(row.neurons or ""),
            f"{row.loss if row.rmse != row.rmse else row.rmse:.4g}",
            *([f"{row.right:.1%}"] if row.right == row.right else []),
            f"{row.explained:.4f}",
        )
        for row in sorted(own, key=lambda row: (row.neurons, order.index(row.model)))
    ]


NETWORK_HEADER = (
    "network", "data set", "m", "loss", "verdict", "minima lower", "the best of them",
    "loss next to it", "distance", "in values", "Proposition 1.2 there", "Lipschitz constant",
)  # fmt: skip


def network_rows(networks: pd.DataFrame) -> list[tuple[str, ...]]:
    """The networks that data sets bring, beside the study's minima; see ``NETWORK_HEADER``."""
    rows: Any = networks.sort_values(["dataset", "loss", "network"]).itertuples()

    def shown(value: float, digits: str = ".4g") -> str:
        return format(value, digits) if value == value else "none"

    return [
        (
            row.network, row.dataset, str(row.neurons), shown(row.loss), row.verdict,
            shown(row.lower, ".0%"), shown(row.best_loss), shown(row.nearest_loss),
            shown(row.nearest_parameters, ".2g"), shown(row.nearest_values, ".2g"),
            row.implication, ("" if row.lipschitz_exact else "at least ") + shown(row.lipschitz),
        )
        for row in rows
    ]  # fmt: skip


def network_sentences(networks: pd.DataFrame) -> str:
    """What became of the networks that data sets bring."""
    n, below = Counter(networks["verdict"]), networks["loss"] < networks["best_loss"]
    at = networks["precision"] <= 1
    return (
        f"Of {number(len(networks), 'network')} that the data sets bring, {n['holds']:,} "
        f"{'is a certified local minimum' if n['holds'] == 1 else 'are certified local minima'} of "
        f"the squared error as stored, {n['violated']:,} no local minimum and {n['undecided']:,} "
        f"undecided. {at.sum():,} differ from a certified minimum by no more than the rounding of "
        f"their own precision, and {below.sum():,} lie lower than every minimum that this study "
        "found on the same data."
    )


def counted_claims(claims: pd.DataFrame) -> str:
    """How many published claims were tried, and what became of them."""
    parts = [f"{n:,} {verdict}" for verdict, n in claims["verdict"].value_counts().items()]
    works = number(claims["source"].nunique(), "work")
    return f"{number(len(claims), 'claim')} of {works}: {', '.join(parts)}."


def data_rows(tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    """What is known of each data set: a property per row, with its value for each of them."""
    if "datasets" not in tables or tables["datasets"].empty:
        return []
    frame = tables["datasets"].set_index("dataset")
    shown = [str(name) for name in frame if frame[name].astype(str).ne("").any()]
    columns = [(name, *(_cell(value) for value in frame[name])) for name in shown]
    return [("property", *map(str, frame.index)), *columns]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return textwrap.shorten(value, 120, placeholder=" …")
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}"


def question(caption: str) -> tuple[str, str]:
    """A caption's question, which its figure answers, and the rest of it."""
    text = " ".join(caption.split())
    asked, mark, rest = text.partition("? ")
    return (f"{asked}?", rest) if mark else ("", text)


def atlas_findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, Finding]:
    """A finding per problem of the tables of atlases; none without ``atlas`` and ``coverage``.

    A certified end that the atlas lacks contradicts it; an end that is no certified minimum is
    counted apart.
    """
    if "atlas" not in tables or "coverage" not in tables:
        return {}
    names = ("atlas", "coverage", "valleys", "barriers")
    every = [tables[k] if k in tables else frame_of(TABLES[k], []) for k in names]
    problems = dict.fromkeys([*every[0]["problem"], *every[1]["problem"]])
    return {name: _finding(name, *(t[t["problem"] == name] for t in every)) for name in problems}


def _valleys(valleys: pd.DataFrame, barriers: pd.DataFrame) -> str:
    """Valleys in each space, the starts in spurious ones, and what N* costs (Theorem 20)."""
    text = ""
    for name, own in valleys.groupby("space"):
        ends = barriers[barriers["space"] == name]
        text += (
            f" In {SPACE_NAMES[str(name)]} the loss has {number(len(own), 'valley')}, "
            f"{own['spurious'].sum():,} spurious (not the lowest)"
        )
        if len(ends):
            lost = ends[ends["spurious"] == 1]
            shares = lost.groupby("solver")["starts"].sum() / ends.groupby("solver")["starts"].sum()
            parts = (f"{k} {v:.0%}" for k, v in shares.fillna(0).items())
            text += f"; of the starts that end at a minimum, in those end: {', '.join(parts)}"
        text += "."
    own = valleys[(valleys["space"] == "restricted") & (valleys["spurious"] == 1)]
    known = own[own["balanced"] >= 0]
    free = valleys.loc[(valleys["space"] == "balanced") & (valleys["spurious"] == 0), "valley"]
    if len(known):
        text += (
            f" The price of N*: from {known['balanced'].isin(free).sum():,} of its "
            f"{number(len(known), 'spurious valley')} a global minimum of N' is reached without a "
            "climb."
        )
    return text


def _finding(
    name: str,
    entries: pd.DataFrame,
    starts: pd.DataFrame,
    valleys: pd.DataFrame,
    barriers: pd.DataFrame,
) -> Finding:
    text = (
        f"On N* there {'is' if len(entries) == 1 else 'are'} "
        f"{number(len(entries), 'connected set')} of local minima, "
        f"{entries['is_global'].sum()} of them global"
    )
    if len(entries):
        text += f", with losses from {entries['loss'].min():.4g} to {entries['loss'].max():.4g}"
    parts = [
        f"{solver} {own.loc[own['number'] >= 0, 'number'].nunique():,}, with "
        f"{own['is_global'].sum():,} of {number(len(own), 'start')} at a global one"
        for solver, own in starts.groupby("solver")
    ]
    text += f". Found by starts of each solver: {'; '.join(parts)}." if parts else "."
    text += _valleys(valleys, barriers)
    lacking, uncertified = (int(starts["number"].eq(code).sum()) for code in (-2, -1))
    if uncertified:
        text += f" {number(uncertified, 'end')} of them certified no minimum."
    if lacking:
        text += f" {number(lacking, 'certified end')} of them the atlas lacks."
        return Finding("contradicts", text, "coverage", f"problem={name} number=-2")
    status = "agrees" if len(starts) and len(entries) else "not tested"
    return Finding(status, text, "atlas", f"problem={name}")
