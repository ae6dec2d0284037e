"""The report as one HTML file: figures, tables and merge trees inside, scripts too, no network.

The page forbids itself every request (Content-Security-Policy), so that it can be kept and passed
on. Tables are inside as the CSV files that the study wrote, byte for byte.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from landscape.data import Dataset
from landscape.report import contents
from landscape.report.contents import FIGURE_TITLES, facts_on
from landscape.report.trees import drawn_trees
from landscape.report.words import Glossary, typeset
from landscape.rows.store import csv_text
from landscape.study.rows import Valley, objective_in
from landscape.tables import TABLES
from landscape.tables.findings import TOPICS, number

Tables = Mapping[str, pd.DataFrame]
#: Tables of more rows are beside the page only.
LARGEST = 20_000


def report_page(
    tables: Tables, figures: Mapping[str, bytes], captions: Mapping[str, str], *, study: str,
    valleys: Sequence[Valley] = (), data: Mapping[str, Dataset] | None = None,
    claims: pd.DataFrame | None = None, docs: bool = False,
) -> str:  # fmt: skip
    """The page of a study of this name.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``findings``, ``summary``, ``accuracy``, ``controls``, ``provenance``, and whatever else
        is to be searched.
    figures, captions : mapping of str to bytes, and to str
        SVG files and what they show, plain text, by name (``FIGURE_TITLES``).
    valleys, data : sequence of Valley, mapping of str to Dataset
        Of the small problems whose merge trees the page shows.
    claims : DataFrame, optional
        Published claims that were tried, rows of ``landscape.claims.registry.Claim``.
    docs : bool
        Whether the documentation is in the folder ``docs`` beside the page.
    """
    findings, summary, provenance = (tables[k] for k in ("findings", "summary", "provenance"))
    words = Glossary()
    facts = partial(facts_on, provenance)
    known = [name for name in TABLES if name in tables and len(tables[name]) <= LARGEST]
    beside = ["weights", *(name for name in TABLES if name in tables and name not in known)]
    plain = {
        topic: {item: json.loads(text) for item, text in facts(topic).items() if item != "sha256"}
        for topic in ("config", "data")
    }
    datasets = [
        {
            "name": name,
            "about": _about(plain["data"].get(name), objective_in(tables)),
            "cells": contents.cell_rows(summary, name),
            "fits": contents.fit_rows(tables["accuracy"], name),
            "findings": own.set_index("topic").loc[list(TOPICS)].to_dict("index"),
        }
        for name, own in ((str(name), own) for name, own in findings.groupby("dataset"))
    ]
    lead = contents.LEAD.format(number(len(datasets), "data set"))
    css, html, js, tree_js = (
        files("landscape.report").joinpath(name).read_text("utf-8")
        for name in ("page.css", "page.html", "page.js", "trees.js")
    )
    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return page.from_string(html).render(
        study=study, css=css, js=js, quote=quote, facts=facts, titles=FIGURE_TITLES,
        words=words, lead=lead, stamp=", ".join(contents.stamp(provenance)), beside=beside,
        totals=contents.totals(tables), verdict=contents.verdict_of_study(findings),
        header=contents.CELL_HEADER, fit_header=contents.fit_header(tables), datasets=datasets,
        data=contents.data_rows(tables), atlases=contents.atlas_findings(tables),
        networks=tables.get("networks", pd.DataFrame()), claims=claims, docs=docs,
        contents=contents,
        figures={k: b64encode(figures[k]).decode() for k in FIGURE_TITLES if k in figures},
        captions={name: contents.question(text) for name, text in captions.items()},
        folded={
            title: json.dumps(plain[topic], indent=2, ensure_ascii=False)
            for title, topic in (
                ("The whole configuration, defaults filled in", "config"),
                ("Data sets and how they were standardized", "data"),
            )
        },
        schemas={
            name: {
                "title": TABLES[name].title().replace("`", ""),
                "key": TABLES[name].key(),
                "columns": [
                    vars(c) | {"html": typeset(f"{c.meaning} [{c.unit}]" if c.unit else c.meaning)}
                    for c in TABLES[name].columns()
                ],
            }
            for name in known
        },
        csv={name: csv_text(tables[name]) for name in known},
        trees=drawn_trees(valleys, data or {}), tree_js=tree_js, plotly=get_plotlyjs,
    )  # fmt: skip


def _about(facts: dict[str, Any] | None, objective: str) -> str:
    """What a data set is, from its metadata, and what the study minimizes on it."""
    if facts is None:
        return "The provenance table does not describe this data set."
    text, options = f"Kind {facts.get('kind', 'unknown')}", facts.get("options", {})
    if "n_samples" in facts and "n_features" in facts:
        text += ", {} of {}".format(*(number(facts[f"n_{w}s"], w) for w in ("sample", "feature")))
    if more := sorted(item for item in options.items() if item[0] not in facts):
        text += "; " + ", ".join(f"{key} {value!r}" for key, value in more)
    plain = objective == "squared"
    standard = {
        "both": ". Features and target are standardized"
        + ": a loss of 1 is the variance of the target" * plain,
        "features": ". Features are standardized",
        "target": ". The target is standardized" + ": a loss of 1 is its variance" * plain,
        "none": ". Nothing is standardized",
    }
    text += standard.get(facts.get("standardize", ""), "")
    return f"{text}." if plain else f"{text}. Minimized: {objective}."
