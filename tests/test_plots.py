"""Figures: the same bytes for the same tables, no global state, legible when there is little."""

import matplotlib as mpl
import numpy as np
import pytest

from landscape.plots import FIGURES, PAIRS, render
from landscape.plots.experiments import CONTROLS, KINDS, SOLVERS, VERDICTS
from landscape.tables import TABLES
from landscape.tables.files import shape_frame


def rows(name, changes):
    """Rows of a table: neutral values, then each of the changes."""
    neutral = {"text": "", "number": 0.0, "integer": 0}
    table = TABLES[name]
    base = {column.name: neutral[column.type] for column in table.columns}
    return shape_frame(table, [{**base, **change} for change in changes])


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    cells = [
        {"dataset": dataset, "space": space, "neurons": neurons}
        for dataset in ("one", "two")
        for space in ("restricted", "balanced", "unrestricted")
        for neurons in (1, 2)
    ]
    steps = [("paper", 0), ("notes", 0), ("rigid", 0), ("control C.1", 0), ("control C.1", 1)]
    return {
        "fits": rows(
            "fits",
            [{**c, "start": j, "minimum": j - 1, "loss": rng.random()} for c in cells
             for j in range(5)],
        ),
        "minima": rows(
            "minima",
            [{**c, "minimum": k, "paper_radius": 1e-6 * k, "notes_radius": 2e-6 * k,
              "rigidity_radius": np.inf if k == 1 else 0.1, "radius": 1e-3, "radius_low": 1e-3,
              "radius_high": np.inf if k == 1 else 0.1,
              "radius_high_method": "falsifier" if k < 2 else ""} for c in cells for k in range(3)],
        ),
        "probes": rows(
            "probes",
            [{**c, "ball": ball, "step": step, "radius": 10.0**-step, "gap": 1e-3 * (step + 1),
              "verdict": "violated" if step else "holds"} for c in cells for ball, step in steps],
        ),
        "pairs": rows(
            "pairs",
            [{"dataset": "one", "neurons": 1, "kind": kind, "pair": k, "seminorm": 10.0**-k,
              "distance": 10.0 ** (-k / 2)} for kind in PAIRS for k in range(3)],
        ),
        "runs": rows(
            "runs",
            [{"dataset": "one", "neurons": 1, "solver": solver, "start": k,
              "trained_loss": 1.0 + 10.0**-k, "loss": 1.0,
              "trained_verdict": "violated" if k else "holds"} for solver in SOLVERS
             for k in range(3)],
        ),
        "brackets": rows(
            "brackets",
            [{"dataset": "one", "neurons": 1, "minimum": k, "certified": 1e-6, "radius_low": 1e-3,
              "radius_high": np.inf if k else 1e-2} for k in range(3)],
        ),
        "controls": rows(
            "controls",
            [{"dataset": "one", "neurons": 1, "kind": kind, "step": k, "distance": 10.0**-k,
              "gap": 10.0**-k, "fibre_distance": 0.5, "verdict": "violated"} for kind in CONTROLS
             for k in range(3)],
        ),
        "converse": rows(
            "converse",
            [{"dataset": d, "neurons": 1, "draw": k, "realization": "holds",
              "parameters": "violated"} for d in ("one", "two") for k in range(3)],
        ),
        "natural": rows(
            "natural",
            [{**c, "minimum": k, "spare": k, "verdict": ["holds", "violated", "undecided"][k]}
             for c in cells for k in range(3)],
        ),
        "stability": rows(
            "stability",
            [{"dataset": "one", "neurons": 1, "kind": kind, "pair": k, "seminorm": 10.0**-k,
              "distance": 10.0 ** (-k / 2), "uniform": 10.0**-k} for kind in KINDS
             for k in range(3)],
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def empty():
    return {name: shape_frame(TABLES[name], []) for name in TABLES}


@pytest.mark.parametrize("name", FIGURES)
class TestContract:
    @pytest.mark.parametrize("format", ["svg", "png"])
    def test_same_bytes_for_the_same_tables(self, tables, name, format):
        one, two = (render(FIGURES[name](tables), format) for _ in range(2))
        assert one == two
        start = {"svg": b"<?xml", "png": b"\x89PNG"}[format]
        assert one.startswith(start)
        assert b"date" not in one.lower() or format == "png"

    def test_settings_of_the_user_neither_matter_nor_change(self, tables, name):
        plain = render(FIGURES[name](tables), "svg")
        with mpl.rc_context({"font.size": 20.0, "axes.titlesize": 30.0, "axes.grid": False}):
            before = dict(mpl.rcParams)
            assert render(FIGURES[name](tables), "svg") == plain
            assert dict(mpl.rcParams) == before

    def test_fits_a_paper(self, tables, name):
        figure = FIGURES[name](tables)
        assert figure.get_figwidth() in (3.4, 6.9)
        figure.draw_without_rendering()
        for text in figure.findobj(mpl.text.Text):
            assert not text.get_text() or text.get_fontsize() >= 7

    def test_draws_empty_tables(self, empty, name):
        assert render(FIGURES[name](empty), "png")


@pytest.mark.parametrize("looks", [PAIRS, KINDS, CONTROLS], ids=["pairs", "kinds", "controls"])
def test_readable_in_greyscale(looks):
    # What colours tell apart, markers or faces tell apart as well.
    shapes = [(marker, str(face)) for marker, _, face, *_ in looks.values()]
    assert len(set(shapes)) == len(shapes)


def test_verdicts_and_solvers_are_told_apart_without_colour():
    greys = [sum(mpl.colors.to_rgb(colour)) / 3 for colour, *_ in VERDICTS.values()]
    hatches = [hatch for _, hatch, _ in VERDICTS.values()]
    pairs = [(i, j) for i in range(3) for j in range(i)]
    assert all(abs(greys[i] - greys[j]) > 0.2 or hatches[i] != hatches[j] for i, j in pairs)
