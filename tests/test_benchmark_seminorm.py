"""The comparison of methods: what is skipped, what is tried again, what is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.publish import markers, publish
from benchmarks.seminorm import __main__ as comparison
from benchmarks.seminorm import report


def row(method: str, seed: int, seconds: float, exact: bool = True) -> report.Row:
    head = {"family": "gaussian", "d": 3, "m": 9, "seed": seed}
    return {**head, "method": method, "seconds": seconds, "exact": exact}


def test_larger_sizes_are_skipped_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "METHODS", {"auto": lambda d, m: True})
    monkeypatch.setattr(comparison.peers, "available", lambda: ({}, {}))
    monkeypatch.setattr(
        comparison, "measure", lambda method, theta: {"seconds": 9.0 * (theta.n_neurons > 8)}
    )
    monkeypatch.setattr(comparison, "check", lambda rows, head: None)
    sizes = [(3, 12), (3, 8), (4, 8), (3, 10)]
    rows = comparison.run(["gaussian"], sizes, 2, 5.0)
    timed = [(r["d"], r["m"], r["seed"]) for r in rows if "seconds" in r]
    assert timed == [(3, 8, 0), (3, 8, 1), (3, 10, 0), (4, 8, 0), (4, 8, 1)]
    assert {r["note"] for r in rows if "seconds" not in r} == {"not within 5 s at m = 10"}


def test_what_did_not_close_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("auto", 0, 5.0, exact=False), row("auto", 1, 5.0, exact=False)]
    rows += [row("flats", 0, 5.0, exact=False), {**row("auto", 0, 1.0), "m": 8}]
    monkeypatch.setattr(
        comparison, "own", lambda method, limit, theta: {"lower": 2.0, "upper": 2.5, "exact": False}
    )
    longer = comparison.again(rows, 60.0)
    assert [(r["m"], r["seed"], r["method"]) for r in longer] == [(9, 0, "auto")]
    line = report.intervals(longer).splitlines()[-1]
    assert line.startswith("| gaussian | 3, 9 | 2 | 2.5 | 25 % | ")
    longer[0]["exact"] = True
    assert " | closed | " in report.intervals(longer)


def test_tables_replace_what_is_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = markers("a command")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    publish("new", page, "a command")
    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    for wrong in ("nothing", f"{end} {begin}", f"{begin} {begin} {end}"):
        page.write_text(wrong)
        with pytest.raises(ValueError, match="markers"):
            publish("new", page, "a command")
        assert page.read_text() == wrong
