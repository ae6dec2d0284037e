"""The report as one HTML file: figures and tables inside, a few lines of script, no network.

The page forbids itself every request (Content-Security-Policy), so that it can be kept and passed
on. Tables are inside as the CSV files that the study wrote, byte for byte.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

import pandas as pd

from landscape.report.atlas import atlas_findings
from landscape.report.contents import (
    CELL_HEADER,
    FIGURE_TITLES,
    cell_rows,
    findings_of,
    totals,
    verdict_of_study,
)
from landscape.rows.store import csv_text
from landscape.tables import TABLES
from landscape.tables.findings import TOPICS, number

__all__ = ["report_page"]

#: Text columns of the tables of the page itself.
_TEXT_COLUMNS = ("m", "space")


def report_page(
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, bytes],
    captions: Mapping[str, str],
    *,
    study: str,
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

    Returns
    -------
    str
    """
    findings, summary = tables["findings"], tables["summary"]
    datasets = list(dict.fromkeys(summary["dataset"]))
    shown = [name for name in FIGURE_TITLES if name in figures]
    known = [name for name in TABLES if name in tables]
    here = files("landscape.report")
    return Template(here.joinpath("page.html").read_text("utf-8")).substitute(
        title=escape(f"Study {study}"),
        lead=_lead(tables["provenance"], datasets),
        css=here.joinpath("page.css").read_text("utf-8"),
        js=here.joinpath("page.js").read_text("utf-8"),
        nav_findings="".join(
            f'<li><a href="#data-{escape(name)}">{escape(name)}</a></li>' for name in datasets
        ),
        nav_figures="".join(
            f'<li><a href="#{name}">{escape(FIGURE_TITLES[name])}</a></li>' for name in shown
        ),
        glance=_glance(findings, summary, datasets),
        findings="".join(_dataset(name, findings, summary, tables) for name in datasets)
        + _atlas(tables),
        figures="".join(
            _figure(k, name, figures[name], captions[name]) for k, name in enumerate(shown, 1)
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


def _schema(name: str) -> dict[str, object]:
    table = TABLES[name]
    return {
        "title": table.title().replace("`", ""),
        "key": table.key(),
        "columns": [
            {"name": c.name, "type": c.type, "meaning": c.meaning, "unit": c.unit}
            for c in table.columns()
        ],
    }


def _facts(provenance: pd.DataFrame, topic: str) -> dict[str, str]:
    own = provenance[provenance["topic"] == topic]
    return dict(zip(own["item"], own["value"], strict=True))


def _lead(provenance: pd.DataFrame, datasets: list[str]) -> str:
    facts = {topic: _facts(provenance, topic) for topic in ("seed", "package", "config")}
    parts = [
        "Optimization landscapes of shallow ReLU networks over unrestricted parametrizations, "
        "balanced ones (N') and restricted ones (N*), after Berner, Elbrächter and Grohs "
        "(NeurIPS 2019).",
        f"{len(datasets)} data set{'s' * (len(datasets) != 1)}",
    ]
    if seed := facts["seed"].get("study"):
        parts[-1] += f", seed {seed}"
    if version := facts["package"].get("landscape-relu"):
        parts[-1] += f", landscape {version}"
    if digest := facts["config"].get("sha256"):
        parts[-1] += f", configuration {digest[:12]}"
    return escape(" ".join(parts) + ".")


def _badge(status: str, href: str = "") -> str:
    shape = f'class="badge {status.replace(" ", "-")}"'
    text = escape(status)
    return f'<a {shape} href="{href}">{text}</a>' if href else f"<span {shape}>{text}</span>"


def _anchor(dataset: str, topic: str) -> str:
    """Name of a finding's place in the page: no character needs quoting."""
    return f"finding-{dataset}-{list(TOPICS).index(topic)}"


def _glance(findings: pd.DataFrame, summary: pd.DataFrame, datasets: list[str]) -> str:
    if findings.empty:
        return "<p>The study has no start, so there is nothing to report.</p>"
    statuses = findings.set_index(["topic", "dataset"])["status"]
    rows = []
    for topic in TOPICS:
        cells = "".join(
            f"<td>{_badge(statuses[topic, name], '#' + escape(_anchor(name, topic)))}</td>"
            for name in datasets
        )
        rows.append(f'<tr><th scope="row">{escape(topic)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in datasets)
    return (
        f"<p>{escape(totals(summary))}</p><p><b>{escape(verdict_of_study(findings))}</b></p>"
        '<div class="scroll"><table><thead><tr><th scope="col">topic</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"<p>{_badge('agrees')} every case came out as proven. {_badge('contradicts')} at least "
        "one did not: a proof or this software is wrong there. "
        f"{_badge('undecided')} at least one could not be decided. {_badge('not tested')} there "
        f"was no case. {_badge('measured')} nothing is proven about it.</p>"
    )


def _dataset(
    name: str,
    findings: pd.DataFrame,
    summary: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
) -> str:
    head = "".join(
        f'<th scope="col"{"" if c in _TEXT_COLUMNS else _NUMBER}>{c}</th>' for c in CELL_HEADER
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{'' if c in _TEXT_COLUMNS else _NUMBER}>{escape(value)}</td>"
            for c, value in zip(CELL_HEADER, row, strict=True)
        )
        + "</tr>"
        for row in cell_rows(summary, name)
    )
    items = "".join(
        f'<dt id="{escape(_anchor(name, row.topic))}"><b>{escape(row.topic)}</b>'
        f"{_badge(row.status)}</dt><dd>{escape(row.finding)}{_rows(row, tables)}</dd>"
        for row in findings_of(findings, name)
    )
    return (
        f'<article id="data-{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{escape(_about(name, tables['provenance']))}</p>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
        f'</div><dl class="findings">{items}</dl></article>'
    )


_NUMBER = ' class="number"'


def _atlas(tables: Mapping[str, pd.DataFrame]) -> str:
    """The findings on small problems of which all minima are known."""
    items = "".join(
        f"<dt><b>{escape(name)}</b>{_badge(found.status)}</dt>"
        f"<dd>{escape(found.text)}{_rows(found, tables)}</dd>"
        for name, found in atlas_findings(tables).items()
    )
    if not items:
        return ""
    return (
        '<article id="data-atlases"><h3>Atlases</h3><p>Small problems of which all local minima '
        "are known: <em>agrees</em> means that every certified end of a start is in the atlas."
        f'</p><dl class="findings">{items}</dl></article>'
    )


def _rows(finding: object, tables: Mapping[str, pd.DataFrame]) -> str:
    """A link to the rows that a finding rests on, where the page has them."""
    table, search = str(getattr(finding, "table", "")), str(getattr(finding, "search", ""))
    if table not in tables:
        return ""
    href = f"#rows/{table}/{quote(search, safe='')}"
    return f' <a class="only-screen" href="{href}">rows of {escape(table)}</a>'


def _about(name: str, provenance: pd.DataFrame) -> str:
    """What a data set is, from its metadata."""
    value = _facts(provenance, "data").get(name)
    if value is None:
        return "The provenance table does not describe this data set."
    facts = json.loads(value)
    text = f"Kind {facts.get('kind', 'unknown')}"
    options = dict(facts.get("options", {}))
    if "n_samples" in facts and "n_features" in facts:
        text += (
            f", {number(facts['n_samples'], 'sample')} of {number(facts['n_features'], 'feature')}"
        )
        options = {key: value for key, value in options.items() if key not in facts}
    if options:
        text += "; " + ", ".join(f"{key} {value!r}" for key, value in sorted(options.items()))
    standard = {
        "both": "Features and target are standardized: a loss of 1 is the variance of the target",
        "features": "Features are standardized",
        "target": "The target is standardized: a loss of 1 is its variance",
        "none": "Nothing is standardized",
    }.get(facts.get("standardize"))
    return f"{text}. {standard}." if standard else f"{text}."


def _figure(number: int, name: str, svg: bytes, caption: str) -> str:
    data = base64.b64encode(svg).decode("ascii")
    title = escape(FIGURE_TITLES[name])
    shape = "narrow" if name == "stability" else "wide"
    return (
        f'<figure id="{name}"><img id="figure-{name}" class="{shape}" alt="{title}" '
        f'src="data:image/svg+xml;base64,{data}">'
        f"<figcaption><b>Figure {number}. {title}.</b> {escape(' '.join(caption.split()))} "
        f'<button type="button" data-figure="figure-{name}">save SVG</button>'
        "</figcaption></figure>"
    )


def _provenance(provenance: pd.DataFrame) -> str:
    """What the results depend on: the short facts in tables, the long ones folded."""
    parts = []
    for topic, title in (("package", "Packages"), ("platform", "Platform")):
        rows = "".join(
            f"<tr><td>{escape(item)}</td><td>{escape(value)}</td></tr>"
            for item, value in _facts(provenance, topic).items()
        )
        parts.append(f"<h3>{title}</h3><table><tbody>{rows}</tbody></table>")
    config = {
        item: json.loads(value)
        for item, value in _facts(provenance, "config").items()
        if item != "sha256"
    }
    pretty = json.dumps(config, indent=2, ensure_ascii=False)
    data = {item: json.loads(value) for item, value in _facts(provenance, "data").items()}
    parts.append(
        "<h3>Configuration and data</h3>"
        f"<details><summary>The whole configuration, defaults filled in</summary>"
        f"<pre>{escape(pretty)}</pre></details>"
        "<details><summary>Data sets and how they were standardized</summary>"
        f"<pre>{escape(json.dumps(data, indent=2, ensure_ascii=False))}</pre></details>"
    )
    code = _facts(provenance, "code")
    parts.append(
        f"<p>Digests of {len(code)} modules of the package are in the table "
        '<a href="#rows/provenance/topic%3Dcode">provenance</a>. There are no '
        "times and no places in this file: the same study gives the same bytes.</p>"
    )
    return "".join(parts)
