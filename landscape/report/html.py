"""The report as one HTML file: figures and tables inside, a few lines of script, no network.

The page forbids itself every request (Content-Security-Policy), so that it can be kept and passed
on. Tables are inside as the CSV files that the study wrote, byte for byte.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

import pandas as pd

from landscape.report import contents
from landscape.report.contents import FIGURE_TITLES, facts_on
from landscape.rows.store import csv_text
from landscape.tables import TABLES
from landscape.tables.findings import TOPICS, Finding, number

__all__ = ["report_page"]

Tables = Mapping[str, pd.DataFrame]


def report_page(
    tables: Tables, figures: Mapping[str, bytes], captions: Mapping[str, str], *, study: str
) -> str:
    """The page.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``findings``, ``summary``, ``provenance``, and whatever else is to be searched.
    figures : mapping of str to bytes
        SVG files by name; names of :data:`~landscape.report.contents.FIGURE_TITLES`.
    captions : mapping of str to str
        What each figure shows, plain text.
    study : str
        Name of the study.
    """
    datasets = list(dict.fromkeys(tables["summary"]["dataset"]))
    shown = [name for name in FIGURE_TITLES if name in figures]
    known = [name for name in TABLES if name in tables]
    here = files("landscape.report")
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
        schemas=_json({name: _schema(name) for name in known}),
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


def _schema(name: str) -> dict[str, object]:
    table = TABLES[name]
    columns = [
        {"name": c.name, "type": c.type, "meaning": c.meaning, "unit": c.unit}
        for c in table.columns()
    ]
    return {"title": table.title().replace("`", ""), "key": table.key(), "columns": columns}


def _cells(cells: Iterable[str], kind: str = "td", texts: int = 99) -> str:
    """A line of a table, whose first cells are texts and the others numbers."""
    classes = ["" if k < texts else ' class="number"' for k in range(99)]
    pairs = zip(classes, cells, strict=False)
    return "".join(f"<{kind}{c}>{cell}</{kind[:2]}>" for c, cell in pairs)


def _table(head: str, lines: Iterable[str]) -> str:
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


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
    rows = [
        f'<th scope="row">{topic}</th>'
        + _cells(_badge(statuses[topic, d], f"#{_anchor(d, topic)}") for d in datasets)
        for topic in TOPICS
    ]
    head = _cells(map(escape, ["topic", *datasets]), 'th scope="col"')
    return (
        f"<p>{escape(contents.totals(summary))}</p>"
        f"<p><b>{escape(contents.verdict_of_study(findings))}</b></p>{_table(head, rows)}"
        f"<p>{_badge('agrees')} every case came out as proven. {_badge('contradicts')} at least "
        "one did not: a proof or this software is wrong there. "
        f"{_badge('undecided')} at least one could not be decided. {_badge('not tested')} there "
        f"was no case. {_badge('measured')} nothing is proven about it.</p>"
    )


def _dataset(name: str, tables: Tables) -> str:
    head = _cells(contents.CELL_HEADER, 'th scope="col"', texts=2)
    rows = (_cells(cells, texts=2) for cells in contents.cell_rows(tables["summary"], name))
    own = tables["findings"][tables["findings"]["dataset"] == name].set_index("topic")
    found = {
        topic: Finding(*own.loc[topic, ["status", "finding", "table", "search"]])
        for topic in TOPICS
    }
    about = _about(facts_on(tables["provenance"], "data").get(name))
    return (
        f'<article id="data-{escape(name)}"><h3>{escape(name)}</h3><p>{escape(about)}</p>'
        f"{_table(head, rows)}{_findings(found, tables, name)}</article>"
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
        samples, features = (
            number(facts["n_samples"], "sample"),
            number(facts["n_features"], "feature"),
        )
        text += f", {samples} of {features}"
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
    for topic in ("package", "platform"):
        rows = (_cells(map(escape, fact)) for fact in facts_on(provenance, topic).items())
        title = {"package": "Packages", "platform": "Platform"}[topic]
        text += f"<h3>{title}</h3>{_table('', rows)}"
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
