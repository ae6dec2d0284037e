"""A short summary of a study for print: A4, as PDF; the same study gives the same bytes."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from landscape.plots import STYLE
from landscape.report import contents
from landscape.study.rows import objective_in
from landscape.tables.findings import TOPICS

Rows = Sequence[Sequence[str]]
Tables = Mapping[str, pd.DataFrame]

#: A4 and its margins, inches.
WIDTH, HEIGHT, MARGIN = 8.27, 11.69, 0.8
#: Data sets side by side in one block of the table of topics, and what is drawn as a figure.
PER_BLOCK, SHOWN = 6, ("losses", "probes")
#: How a status is told apart without colour: shade and weight.
_LOOKS: dict[str, Any] = {
    "agrees": {"color": "#0b5c3b"},
    "contradicts": {"color": "#a3171d", "weight": "bold"},
    "undecided": {"color": "#704700"},
    "not tested": {"color": "0.45"},
    "measured": {"color": "0.25"},
}
#: Where the columns of numbers begin or, if negative, end, inches from the left margin.
_PLACES = (0.0, -1.7, 1.85, -3.25, -3.95, -4.75, -5.35, -6.05, -6.67)


class _Paper:
    """Pages that are filled from above; a block that does not fit begins a new page."""

    def __init__(self) -> None:
        self.pages: list[Figure] = []
        self.y = 0.0

    def room(self, height: float) -> bool:
        """Whether a new page was begun, because that much did not fit on this one."""
        if full := self.y - height < MARGIN and self.y < HEIGHT - MARGIN:
            self.pages.append(Figure(figsize=(WIDTH, HEIGHT)))
            self.y = HEIGHT - MARGIN
        return full

    def line(self, x: float, words: str, size: float = 8.0, **look: Any) -> None:
        """Words that begin x inches from the left margin or, if x is negative, end there."""
        look = {"size": size, "va": "top", "parse_math": False, "color": "black", **look}
        place = (MARGIN + abs(x)) / WIDTH, self.y / HEIGHT
        self.pages[-1].text(*place, words, ha="right" if x < 0 else "left", **look)

    def table(self, places: Sequence[float], head: Sequence[str], rows: Rows) -> None:
        """Words at their places, a line per row, below the head and a rule on each page."""
        self.room(0.16 * min(len(rows) + 2, 16))
        for k, row in enumerate(rows):
            if self.room(0.16) or k == 0:
                for x, words in zip(places, head, strict=False):
                    self.line(x, words, weight="bold")
                self.y -= 0.17
                ends = [MARGIN / WIDTH, 1 - MARGIN / WIDTH], [self.y / HEIGHT] * 2
                self.pages[-1].add_artist(Line2D(*ends, color="black", linewidth=0.5))
                self.y -= 0.05
            for x, words in zip(places, row, strict=False):
                self.line(x, words, **_LOOKS.get(words, {}))
            self.y -= 0.16
        self.y -= 0.1

    def paragraph(self, words: str, size: float = 9.0, **look: Any) -> None:
        # Some 15 characters per inch at 9 points: measured on this font, with room to spare.
        lines = textwrap.wrap(words, int((WIDTH - 2 * MARGIN) * 15.0 * 9.0 / size))
        self.room(len(lines) * size / 52)
        for line in lines:
            self.line(0.0, line, size, **look)
            self.y -= size / 52
        self.y -= 0.06

    def picture(self, png: bytes, caption: str) -> None:
        width = WIDTH - 2 * MARGIN
        image = imread(io.BytesIO(png), format="png")
        height = width * image.shape[0] / image.shape[1]
        self.room(height + 0.2 + 0.17 * len(textwrap.wrap(caption, 120)))
        place = (MARGIN / WIDTH, (self.y - height) / HEIGHT, width / WIDTH, height / HEIGHT)
        ax = self.pages[-1].add_axes(place)
        ax.imshow(image, interpolation="none", aspect="auto")
        ax.set_axis_off()
        self.y -= height + 0.05
        self.paragraph(caption, 8.0)
        self.y -= 0.1


def printed_summary(
    tables: Tables, figures: Mapping[str, bytes], captions: Mapping[str, str], *, study: str
) -> bytes:
    """The summary as a PDF file: what agrees with what is proven, the main numbers, two figures.

    From PNG files, and the tables ``findings``, ``summary``, ``controls``, ``provenance``; else as
    :func:`~landscape.report.report_page`.
    """
    findings, summary = tables["findings"], tables["summary"]
    datasets = list(dict.fromkeys(summary["dataset"]))
    stamp = ", ".join(contents.stamp(tables["provenance"])).capitalize()
    with mpl.rc_context(STYLE):
        paper = _Paper()
        paper.paragraph(f"Study {study}", 15.0, weight="bold")
        paper.paragraph(
            f"{contents.SUBJECT}: trained from paired starts, descended to certified local minima, "
            f"and probed in realization space. {stamp}."
        )
        paper.paragraph(contents.totals(tables))
        paper.paragraph(contents.verdict_of_study(findings), weight="bold")
        statuses = findings.set_index(["topic", "dataset"])["status"]
        step = (WIDTH - 2 * MARGIN - 1.45) / PER_BLOCK
        places = [0.0, *(1.45 + k * step for k in range(PER_BLOCK))]
        for first in range(0, len(datasets), PER_BLOCK):
            own = datasets[first : first + PER_BLOCK]
            lines = [[topic, *(statuses[topic, name] for name in own)] for topic in TOPICS]
            paper.table(places, ["", *(_short(name, 15) for name in own)], lines)
        cells = [[_short(d, 28), *row] for d in datasets for row in contents.cell_rows(summary, d)]
        paper.table(_PLACES, ["data set", *contents.CELL_HEADER], cells)
        losses = f"losses ({objective_in(tables)}) are"
        if objective_in(tables) == "squared":
            losses = (
                "losses are mean squared errors of the target as stored (standardized: in units of "
                "its variance),"
            )
        paper.paragraph(
            "Starts that end at certified local minima, and how many different ones; "
            f"{losses} the best at a certified minimum, the median over the starts.",
            8.0,
        )
        for name in SHOWN:
            if name in figures:
                caption = f"{contents.FIGURE_TITLES[name]}. {' '.join(captions[name].split())}"
                paper.picture(figures[name], caption)
        buffer = io.BytesIO()
        about = {"Title": f"Study {study}", "CreationDate": None, "Creator": None, "Producer": None}
        with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(buffer, metadata=about) as pdf:
            for page in paper.pages:
                pdf.savefig(page)
    return buffer.getvalue()


def _short(name: str, width: int) -> str:
    return textwrap.shorten(name, width, placeholder="…")
