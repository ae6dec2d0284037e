"""Figures: the same bytes for the same tables, no global state, legible when there is little."""

import matplotlib as mpl
import pytest

from landscape.plots import FIGURES, PAIRS, render
from landscape.plots.experiments import CONTROLS, KINDS, VERDICTS
from landscape.tables import TABLES
from landscape.tables.files import shape_frame
from tests.made_up import drawn_tables


@pytest.fixture(scope="module")
def tables():
    return drawn_tables()


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
