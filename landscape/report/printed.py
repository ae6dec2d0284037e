"""A short summary of a study for print: A4, as PDF; the same study gives the same bytes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread

from landscape.plots import STYLE
from landscape.report.contents import (
    CELL_HEADER,
    FIGURE_TITLES,
    cell_rows,
    totals,
    verdict_of_study,
)
from landscape.tables.findings import TOPICS

__all__ = ["printed_summary"]

#: A4 and its margins, inches.
WIDTH, HEIGHT, MARGIN = 8.27, 11.69, 0.8
#: Data sets side by side in one block of the table of topics, and what is drawn as a figure.
PER_BLOCK, SHOWN = 6, ("losses", "probes")
#: How a status is told apart without colour: shade and weight.
_LOOKS = {
    "agrees": ("#0b5c3b", "normal"),
    "contradicts": ("#a3171d", "bold"),
    "undecided": ("#704700", "normal"),
    "not tested": ("0.45", "normal"),
    "measured": ("0.25", "normal"),
}


class _Paper:
    """Pages that are filled from above; a block that does not fit begins a new page."""

    def __init__(self) -> None:
        self.pages: list[Figure] = []
        self.new_page()

    def new_page(self) -> None:
        self.pages.append(Figure(figsize=(WIDTH, HEIGHT)))
        self.y = HEIGHT - MARGIN

    def room(self, height: float) -> None:
        if self.y - height < MARGIN and self.y < HEIGHT - MARGIN:
            self.new_page()

    def text(
        self, x: float, words: str, size: float, *, right: bool = False, colour: str = "black",
        weight: str = "normal",
    ) -> None:  # fmt: skip
        """One line at the present height, x inches from the left margin."""
        self.pages[-1].text(
            (MARGIN + x) / WIDTH, self.y / HEIGHT, words, size=size, va="top", color=colour,
            ha="right" if right else "left", weight=weight, parse_math=False,
        )  # fmt: skip

    def paragraph(self, words: str, size: float = 9.0, *, weight: str = "normal") -> None:
        # Some 15 characters per inch at 9 points: measured on this font, with room to spare.
        lines = textwrap.wrap(words, int((WIDTH - 2 * MARGIN) * 15.0 * 9.0 / size))
        self.room(len(lines) * size / 52)
        for line in lines:
            self.text(0.0, line, size, weight=weight)
            self.y -= size / 52
        self.y -= 0.06

    def rule(self, width: float = 0.5) -> None:
        line = mpl.lines.Line2D(
            [MARGIN / WIDTH, 1 - MARGIN / WIDTH], [self.y / HEIGHT] * 2, color="black",
            linewidth=width,
        )  # fmt: skip
        self.pages[-1].add_artist(line)
        self.y -= 0.05

    def picture(self, png: bytes, caption: str) -> None:
        width = WIDTH - 2 * MARGIN
        image = imread(io.BytesIO(png), format="png")
        height = width * image.shape[0] / image.shape[1]
        lines = len(textwrap.wrap(caption, 120))
        self.room(height + 0.2 + 0.17 * lines)
        place = (MARGIN / WIDTH, (self.y - height) / HEIGHT, width / WIDTH, height / HEIGHT)
        ax = self.pages[-1].add_axes(place)
        ax.imshow(image, interpolation="none", aspect="auto")
        ax.set_axis_off()
        self.y -= height + 0.05
        self.paragraph(caption, 8.0)
        self.y -= 0.1


def printed_summary(
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, bytes],
    captions: Mapping[str, str],
    *,
    study: str,
) -> bytes:
    """The summary as a PDF file: what agrees with what is proven, the main numbers, two figures.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``findings``, ``summary`` and ``provenance``.
    figures : mapping of str to bytes
        PNG files by name.
    captions : mapping of str to str
        What each figure shows, plain text.
    study : str
        Name of the study.
    """
    findings, summary = tables["findings"], tables["summary"]
    datasets = list(dict.fromkeys(summary["dataset"]))
    with mpl.rc_context(STYLE):
        paper = _Paper()
        paper.paragraph(f"Study {study}", 15.0, weight="bold")
        paper.paragraph(
            "Optimization landscapes of shallow ReLU networks over unrestricted parametrizations, "
            "balanced ones (N') and restricted ones (N*), after Berner, Elbrächter and Grohs "
            "(NeurIPS 2019): trained from paired starts, descended to certified local minima, and "
            f"probed in realization space. {_provenance(tables['provenance'])}"
        )
        paper.paragraph(totals(summary))
        paper.paragraph(verdict_of_study(findings), weight="bold")
        _topics(paper, findings, datasets)
        _numbers(paper, summary, datasets)
        for name in SHOWN:
            if name in figures:
                caption = f"{FIGURE_TITLES[name]}. {' '.join(captions[name].split())}"
                paper.picture(figures[name], caption)
        buffer = io.BytesIO()
        about = {"Title": f"Study {study}", "CreationDate": None, "Creator": None, "Producer": None}
        with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(buffer, metadata=about) as pdf:
            for page in paper.pages:
                pdf.savefig(page)
    return buffer.getvalue()


def _provenance(provenance: pd.DataFrame) -> str:
    facts = provenance.set_index(["topic", "item"])["value"]
    named = {
        "seed": ("seed", "study"),
        "landscape": ("package", "landscape-relu"),
        "configuration": ("config", "sha256"),
    }
    parts = [f"{name} {facts[key][:12]}" for name, key in named.items() if key in facts.index]
    return f"{', '.join(parts).capitalize()}." if parts else ""


def _topics(paper: _Paper, findings: pd.DataFrame, datasets: Sequence[str]) -> None:
    """Status by topic and data set, in blocks of a few data sets."""
    if findings.empty:
        return
    statuses = findings.set_index(["topic", "dataset"])["status"]
    for first in range(0, len(datasets), PER_BLOCK):
        own = datasets[first : first + PER_BLOCK]
        step = (WIDTH - 2 * MARGIN - 1.45) / PER_BLOCK
        paper.room(0.17 * (len(TOPICS) + 2))
        paper.y -= 0.08
        for k, name in enumerate(own):
            paper.text(1.45 + k * step, textwrap.shorten(name, 15, placeholder="…"), 8.0,
                       weight="bold")  # fmt: skip
        paper.y -= 0.17
        paper.rule()
        for topic in TOPICS:
            paper.text(0.0, topic, 8.0)
            for k, name in enumerate(own):
                status = statuses[topic, name]
                colour, weight = _LOOKS[status]
                paper.text(1.45 + k * step, status, 8.0, colour=colour, weight=weight)
            paper.y -= 0.16
        paper.y -= 0.08


def _numbers(paper: _Paper, summary: pd.DataFrame, datasets: Sequence[str]) -> None:
    """The main numbers per data set, number of neurons and space."""

    def line(name: str, cells: Sequence[str], weight: str = "normal") -> None:
        paper.text(0.0, textwrap.shorten(name, 28, placeholder="…"), 8.0, weight=weight)
        for k, (x, cell) in enumerate(zip(_ENDS, cells, strict=True)):
            paper.text(x, cell, 8.0, right=k != 1, weight=weight)
        paper.y -= 0.155

    def head() -> None:
        line("data set", CELL_HEADER, "bold")
        paper.rule()

    paper.room(1.0)
    head()
    for dataset in datasets:
        rows = list(cell_rows(summary, dataset))
        page = len(paper.pages)
        paper.room(0.155 * min(len(rows), 9))
        if len(paper.pages) > page:
            head()
        for k, row in enumerate(rows):
            line(dataset if k == 0 else "", row)
        paper.y -= 0.04
    paper.paragraph(
        "Starts that end at certified local minima, and how many different ones; losses are mean "
        "squared errors of the target as stored (standardized: in units of its variance), the "
        "best at a certified minimum, the median over the starts.",
        8.0,
    )
    paper.y -= 0.1


#: Where the columns of numbers end (the space's begins), inches from the left margin.
_ENDS = (1.7, 1.85, 3.25, 3.95, 4.75, 5.35, 6.05, 6.67)
