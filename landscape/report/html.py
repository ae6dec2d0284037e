"""The report as one HTML file: figures and tables inside, a few lines of script, no network.

The page forbids itself every request (Content-Security-Policy), so that it can be kept and passed
on. Tables are inside as the CSV files that the study wrote, byte for byte.
"""

import base64
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

import pandas as pd

from landscape.report import contents
from landscape.report.contents import FIGURE_TITLES, facts_on
from landscape.rows.store import csv_text
from landscape.tables import TABLES
from landscape.tables.findings import TOPICS, Finding, number

Tables = Mapping[str, pd.DataFrame]


def report_page(
    tables: Tables, figures: Mapping[str, bytes], captions: Mapping[str, str], *, study: str
) -> str:
    """The page of a study of this name.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``findings``, ``summary``, ``provenance``, and whatever else is to be searched.
    figures, captions : mapping of str to bytes, and to str
        SVG files and what they show, plain text, by name (``FIGURE_TITLES``).
    """
    datasets = list(dict.fromkeys(tables["summary"]["dataset"]))
    shown = [name for name in FIGURE_TITLES if name in figures]
    known = [name for name in TABLES if name in tables]
    here = files("landscape.report")
    schemas = {
        name: {
            "title": TABLES[name].title().replace("`", ""),
            "key": TABLES[name].key(),
            "columns": [vars(column) for column in TABLES[name].columns()],
        }
        for name in known
    }
    about = [number(len(datasets), "data set"), *contents.stamp(tables["provenance"])]
    return Template(here.joinpath("page.html").read_text("utf-8")).substitute(
        title=escape(f"Study {study}"),
        lead=escape(f"{contents.SUBJECT}. {', '.join(about)}."),
        css=here.joinpath("page.css").read_text("utf-8"),
        js=here.joinpath("page.js").read_text("utf-8"),
        nav_findings=_links({f"data-{name}": name for name in datasets}),
        nav_figures=_links({name: FIGURE_TITLES[name] for name in shown}),
        glance=_glance(tables["findings"], tables["summary"], datasets),
        findings="".join(_dataset(name, tables) for name in datasets) + _atlas(tables),
        figures="".join(
            _figure(f"Figure {k}. {FIGURE_TITLES[name]}.", name, figures[name], captions[name])
            for k, name in enumerate(shown, 1)
        ),
        tabs="".join(
            f'<button type="button" data-table="{name}">{name}<span></span></button>'
            for name in known
        ),
        provenance=_provenance(tables["provenance"]),
        schemas=_json(schemas),
        csv="\n".join(
            f'<script type="application/json" id="csv-{name}">{_json(csv_text(tables[name]))}'
            "</script>"
            for name in known
        ),
    )


def _json(value: object) -> str:
    """JSON that may stand in a script element: nothing in it can end the element."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _links(items: Mapping[str, str]) -> str:
    links = (f'<a href="#{escape(a)}">{escape(text)}</a>' for a, text in items.items())
    return "".join(f"<li>{link}</li>" for link in links)


def _table(frame: pd.DataFrame, **options: Any) -> str:
    with pd.option_context("display.max_colwidth", None):
        return f'<div class="scroll">{frame.to_html(border=0, **options)}</div>'


def _badge(status: str, href: str = "") -> str:
    shape = f'class="badge {status.replace(" ", "-")}"'
    return f'<a {shape} href="{href}">{status}</a>' if href else f"<span {shape}>{status}</span>"


def _anchor(dataset: str, topic: str) -> str:
    """Name of a finding's place in the page: no character needs quoting."""
    return escape(f"finding-{dataset}-{list(TOPICS).index(topic)}")


def _glance(findings: pd.DataFrame, summary: pd.DataFrame, datasets: list[str]) -> str:
    if findings.empty:
        return "<p>The study has no start, so there is nothing to report.</p>"
    statuses = findings.set_index(["topic", "dataset"])["status"]
    badges = {
        escape(d): {t: _badge(statuses[t, d], f"#{_anchor(d, t)}") for t in TOPICS}
        for d in datasets
    }
    table = _table(pd.DataFrame(badges).rename_axis(columns="topic"), escape=False)
    return (
        f"<p>{escape(contents.totals(summary))}</p>"
        f"<p><b>{escape(contents.verdict_of_study(findings))}</b></p>{table}"
        f"<p>{_badge('agrees')} every case came out as proven. {_badge('contradicts')} at least "
        "one did not: a proof or this software is wrong there. "
        f"{_badge('undecided')} at least one could not be decided. {_badge('not tested')} there "
        f"was no case. {_badge('measured')} nothing is proven about it.</p>"
    )


def _dataset(name: str, tables: Tables) -> str:
    rows = contents.cell_rows(tables["summary"], name)
    table = _table(pd.DataFrame(rows, columns=contents.CELL_HEADER), index=False, classes="cells")
    own = tables["findings"][tables["findings"]["dataset"] == name].set_index("topic")
    found = {
        topic: Finding(*own.loc[topic, ["status", "finding", "table", "search"]])
        for topic in TOPICS
    }
    about = _about(facts_on(tables["provenance"], "data").get(name))
    return (
        f'<article id="data-{escape(name)}"><h3>{escape(name)}</h3><p>{escape(about)}</p>'
        f"{table}{_findings(found, tables, name)}</article>"
    )


def _atlas(tables: Tables) -> str:
    """The findings on small problems of which all minima are known."""
    if not (found := contents.atlas_findings(tables)):
        return ""
    return (
        '<article id="data-atlases"><h3>Atlases</h3><p>Small problems of which all local minima '
        "are known: <em>agrees</em> means that every certified end of a start is in the atlas."
        f"</p>{_findings(found, tables)}</article>"
    )


def _findings(found: Mapping[str, Finding], tables: Tables, dataset: str = "") -> str:
    """Findings by their titles, with links to the rows that they rest on, where these are."""
    text = ""
    for title, own in found.items():
        anchor = f' id="{_anchor(dataset, title)}"' if dataset else ""
        text += f"<dt{anchor}><b>{escape(title)}</b>{_badge(own.status)}</dt><dd>{escape(own.text)}"
        if own.table in tables:
            href = f"#rows/{own.table}/{quote(own.search, safe='')}"
            text += f' <a class="only-screen" href="{href}">rows of {own.table}</a>'
        text += "</dd>"
    return f'<dl class="findings">{text}</dl>'


def _about(value: str | None) -> str:
    """What a data set is, from its metadata."""
    if value is None:
        return "The provenance table does not describe this data set."
    facts = json.loads(value)
    text, options = f"Kind {facts.get('kind', 'unknown')}", facts.get("options", {})
    if "n_samples" in facts and "n_features" in facts:
        text += ", {} of {}".format(*(number(facts[f"n_{w}s"], w) for w in ("sample", "feature")))
    if more := sorted(item for item in options.items() if item[0] not in facts):
        text += "; " + ", ".join(f"{key} {value!r}" for key, value in more)
    standard = {
        "both": ". Features and target are standardized: a loss of 1 is the variance of the target",
        "features": ". Features are standardized",
        "target": ". The target is standardized: a loss of 1 is its variance",
        "none": ". Nothing is standardized",
    }
    return f"{text}{standard.get(facts.get('standardize'), '')}."


def _figure(title: str, name: str, svg: bytes, caption: str) -> str:
    data = base64.b64encode(svg).decode("ascii")
    shape = "narrow" if name == "stability" else "wide"
    return (
        f'<figure id="{name}"><img id="figure-{name}" class="{shape}" '
        f'alt="{escape(FIGURE_TITLES[name])}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption><b>{escape(title)}</b> {escape(' '.join(caption.split()))} "
        f'<button type="button" data-figure="figure-{name}">save SVG</button>'
        "</figcaption></figure>"
    )


def _provenance(provenance: pd.DataFrame) -> str:
    """What the results depend on: the short facts in tables, the long ones folded."""
    text = ""
    for topic, title in (("package", "Packages"), ("platform", "Platform")):
        frame = pd.Series(facts_on(provenance, topic), dtype=str).to_frame()
        text += f"<h3>{title}</h3>{_table(frame, header=False)}"
    text += "<h3>Configuration and data</h3>"
    for topic, title in (
        ("config", "The whole configuration, defaults filled in"),
        ("data", "Data sets and how they were standardized"),
    ):
        facts = facts_on(provenance, topic)
        facts.pop("sha256", None)
        plain = {item: json.loads(value) for item, value in facts.items()}
        pretty = escape(json.dumps(plain, indent=2, ensure_ascii=False))
        text += f"<details><summary>{title}</summary><pre>{pretty}</pre></details>"
    return (
        f"{text}<p>Digests of {len(facts_on(provenance, 'code'))} modules of the package are in "
        'the table <a href="#rows/provenance/topic%3Dcode">provenance</a>. There are no times and '
        "no places in this file: the same study gives the same bytes.</p>"
    )
