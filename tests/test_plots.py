"""Figures: the same bytes for the same tables, no global state, legible when there is little."""

import matplotlib as mpl
import pytest

from landscape.plots import render
from landscape.plots.figures import BALLS, CONTROLS, KINDS, RADII, VERDICTS
from landscape.rows import frame_of
from landscape.tables import FIGURES, TABLES
from tests.made_up import drawn_tables


@pytest.fixture(scope="module")
def tables():
    return drawn_tables()


@pytest.fixture(scope="module")
def empty():
    return {name: frame_of(table, []) for name, table in TABLES.items()}


def draw(name, tables):
    """A figure, from the tables that it is said to be drawn from and no others."""
    figure = FIGURES[name]
    return figure.draw({needed: tables[needed] for needed in figure.tables})


@pytest.mark.parametrize("name", FIGURES)
class TestContract:
    @pytest.mark.parametrize("format", ["svg", "png"])
    def test_same_bytes_for_the_same_tables(self, tables, name, format):
        one, two = (render(draw(name, tables), format) for _ in range(2))
        assert one == two
        start = {"svg": b"<?xml", "png": b"\x89PNG"}[format]
        assert one.startswith(start)
        assert b"date" not in one.lower() or format == "png"

    def test_settings_of_the_user_neither_matter_nor_change(self, tables, name):
        plain = render(draw(name, tables), "svg")
        with mpl.rc_context({"font.size": 20.0, "axes.titlesize": 30.0, "axes.grid": False}):
            before = dict(mpl.rcParams)
            assert render(draw(name, tables), "svg") == plain
            assert dict(mpl.rcParams) == before

    def test_fits_a_paper(self, tables, name):
        figure = draw(name, tables)
        assert figure.get_figwidth() in (3.4, 6.9)
        figure.draw_without_rendering()
        for text in figure.findobj(mpl.text.Text):
            assert not text.get_text() or text.get_fontsize() >= 7

    def test_draws_empty_tables(self, empty, name):
        assert render(draw(name, empty), "png")


@pytest.mark.parametrize("looks", [KINDS, CONTROLS, RADII, BALLS])
def test_readable_in_greyscale(looks):
    # What colours tell apart, markers or faces tell apart as well.
    shapes = [(marker, str(face)) for marker, _, face, *_ in looks.values()]
    assert len(set(shapes)) == len(shapes)


def test_verdicts_and_solvers_are_told_apart_without_colour():
    greys = [sum(mpl.colors.to_rgb(look["facecolor"])) / 3 for look in VERDICTS.values()]
    hatches = [look.get("hatch") for look in VERDICTS.values()]
    pairs = [(i, j) for i in range(3) for j in range(i)]
    assert all(abs(greys[i] - greys[j]) > 0.2 or hatches[i] != hatches[j] for i, j in pairs)
