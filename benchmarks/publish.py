"""Put what a benchmark measured between the markers of a page of the docs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from landscape.data import write_text
from landscape.paper.pages import table


def markers(maker: str) -> tuple[str, str]:
    """The comments around what the command ``maker`` writes."""
    return f"<!-- begin: made by {maker} -->", f"<!-- end: made by {maker} -->"


def publish(text: str, page: Path, maker: str) -> None:
    """Put the text between the page's markers; the rest of the page stays.

    Raises
    ------
    ValueError
        If the page does not have each marker once, in order.
    """
    begin, end = markers(maker)
    old = page.read_text(encoding="utf-8")
    head, found, rest = old.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed or old.count(begin) + old.count(end) != 2:
        raise ValueError(f"{page}: expected once, in this order, the markers {begin} and {end}")
    write_text(page, f"{head}{begin}\n\n{text}\n\n{end}{tail}")


#: A table whose columns but the first are flush right.
markdown = partial(table, n_text=1)
