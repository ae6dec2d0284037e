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
    def test_same_bytes_for_the_same_tables_whatever_the_settings_of_the_user(self, tables, name):
        one = draw(name, tables)
        plain = [render(one, format) for format in ("svg", "png")]
        with mpl.rc_context({"font.size": 20.0, "axes.titlesize": 30.0, "axes.grid": False}):
            before = dict(mpl.rcParams)
            two = draw(name, tables)
            # What the one shows, the other does; drawn twice it only takes longer.
            assert render(two, "svg") == plain[0]
            assert dict(mpl.rcParams) == before
        svg, png = plain
        assert svg.startswith(b"<?xml") and b"date" not in svg.lower()
        assert png.startswith(b"\x89PNG")
        # It fits a paper.
        assert one.get_figwidth() in (3.4, 6.9)
        for text in one.findobj(mpl.text.Text):
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
