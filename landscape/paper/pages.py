"""Markdown tables and figures of computed pages."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from landscape.data import replace_file


def cell(text: str) -> str:
    """A text as it has to stand in Markdown."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")


def table(
    header: Sequence[str], rows: Iterable[Iterable[object]], n_text: int | None = None
) -> str:
    """A table in Markdown; columns after the first ``n_text`` are flush right."""
    n = len(header) if n_text is None else n_text
    lines = header, ["---"] * n + ["--:"] * (len(header) - n), *rows
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG; equal figures are equal files."""
    # The metadata would hold matplotlib's version.
    settings: dict[str, Any] = {"format": "png", "dpi": 110, "metadata": {"Software": None}}
    replace_file(path, partial(figure.savefig, **settings))
