"""Figures: the same bytes for the same tables, no global state, legible when there is little."""

import matplotlib as mpl
import numpy as np
import pytest

from landscape.plots import fits, render
from landscape.plots.figures import BALLS, CONTROLS, EXACT, KINDS, RADII, VERDICTS
from landscape.rows import frame_of
from landscape.tables import FIGURES, NETWORK_FIGURES, TABLES
from tests.made_up import drawn_tables


@pytest.fixture(scope="module")
def tables():
    return drawn_tables()


@pytest.fixture(scope="module")
def empty():
    return {name: frame_of(table, []) for name, table in TABLES.items()}


def draw(name, tables):
    """A figure, from the tables that it is said to be drawn from and no others."""
    figure = ALL[name]
    return figure.draw({needed: tables[needed] for needed in figure.tables})


ALL = FIGURES | NETWORK_FIGURES
#: Figures that are drawn twice among the fast tests, the others among the slow ones.
TWICE = ("losses", "radii", "networks")


class TestContract:
    @pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=[pytest.mark.slow] * (name not in TWICE)) for name in ALL],
    )
    def test_same_bytes_for_the_same_tables_whatever_the_settings_of_the_user(self, tables, name):
        one = draw(name, tables)
        svg = render(one, "svg")
        with mpl.rc_context({"font.size": 20.0, "axes.titlesize": 30.0, "axes.grid": False}):
            before = dict(mpl.rcParams)
            two = draw(name, tables)
            # What the one shows, the other does; drawn twice it only takes longer.
            assert render(two, "svg") == svg
            assert dict(mpl.rcParams) == before
        assert svg.startswith(b"<?xml") and b"date" not in svg.lower()

    @pytest.mark.parametrize("name", ALL)
    def test_fits_a_paper(self, tables, name):
        figure = draw(name, tables)
        assert figure.get_figwidth() in (3.4, 6.9)
        for text in figure.findobj(mpl.text.Text):
            assert not text.get_text() or text.get_fontsize() >= 7

    @pytest.mark.parametrize("name", ALL)
    def test_draws_empty_tables(self, empty, name):
        assert render(draw(name, empty), "png").startswith(b"\x89PNG")


def ticks(ax, which):
    return [label.get_text() for label in getattr(ax, f"get_{which}ticklabels")()]


class TestExactFits:
    """Data that networks fit exactly: losses of 1e-31, decreases smaller still, few minima."""

    def test_a_better_realization_is_above_the_strip_however_small_its_gain(self, tables):
        controls = tables["controls"].assign(gap=tables["controls"]["gap"] * 1e-35)
        one = {
            key: tables[key].query("dataset == 'one' and neurons == 1")
            for key in ("fits", "probes")
        }
        figure = draw("probes", {**tables, **one, "controls": controls})
        for ax in figure.axes:
            (top,) = {patch.get_y() + patch.get_height() for patch in ax.patches}
            for line in ax.lines:
                inside = np.asarray(line.get_ydata()) < top
                if line.get_label() == BALLS["control"][-1]:
                    assert not inside.any() and len(inside) == 3
            assert ax.get_yticks()[0] < top < ax.get_yticks()[1]
        assert ticks(figure.axes[0], "y")[0] == "none"

    def test_losses_that_are_drawn_elsewhere_say_so(self, tables):
        fits = tables["fits"].query("neurons == 1")
        exact = fits.assign(loss=np.where(fits["dataset"] == "one", 1e-31, fits["loss"]))
        figure = draw("losses", {**tables, "fits": exact})
        labels = [ticks(ax, "x") for ax in figure.axes]
        assert [any("≤" in text for text in own) for own in labels] == [True, False]
        for ax in figure.axes[::2]:
            assert ax.get_xticks()[0] == EXACT and ax.get_xlim()[0] < EXACT < ax.get_xlim()[1]

    @pytest.mark.parametrize("name", ["radii", "brackets"])
    @pytest.mark.parametrize("count", [1, 2])
    def test_counts_have_whole_ticks(self, tables, name, count):
        names = ("fits", "minima", "brackets")
        frames = {key: tables[key].query("dataset == 'one' and neurons == 1") for key in names}
        frames |= {key: frames[key][frames[key]["minimum"] < count] for key in names[1:]}
        for ax in draw(name, frames).axes:
            assert all(float(tick).is_integer() for tick in ax.get_xticks())


class TestFits:
    def test_what_is_drawn_is_what_the_tables_hold(self, tables):
        figure = draw("predicted", tables)
        own = tables["predictions"].query("space == 'restricted'")
        (linear, network) = (
            next(line for line in figure.axes[0].lines if line.get_label() == look[-1])
            for look in (fits.LINEAR, fits.NETWORK)
        )
        rows = own.query("dataset == 'one' and neurons == 1")
        assert np.array_equal(network.get_ydata(), rows["predicted"])
        assert np.array_equal(linear.get_xdata(), rows["observed"])
        texts = [text.get_text() for text in figure.axes[0].texts]
        assert "$R^2$ 0.750\nlinear 0.000" in texts

    def test_networks_stand_at_their_losses_beside_the_minima_of_their_data(self, tables):
        ax = draw("networks", tables).axes[0]
        drawn = {line.get_label(): line for line in ax.lines}
        for verdict, look in fits.NETWORKS.items():
            own = tables["networks"].query("dataset == 'one' and verdict == @verdict")
            line = drawn[look[-1]]
            place = ticks(ax, "y")[int(line.get_ydata()[0])]
            assert line.get_xdata() == own["loss"].iloc[0] and place.startswith(f"{verdict}.npz")
        minima = [line for line in ax.lines if line.get_label() == fits.MINIMA[-1]]
        losses = tables["fits"].query("dataset == 'one' and minimum >= 0")["loss"]
        assert sorted(np.concatenate([line.get_xdata() for line in minima])) == sorted(losses)

    def test_a_space_without_minima_is_not_the_one_that_is_shown(self, tables):
        frame = tables["predictions"].query("space != 'restricted' or dataset == 'one'")
        shown = fits._shown(frame)
        found = shown.groupby("dataset")["space"].unique().map(list).to_dict()
        assert found == {"one": ["restricted"], "two": ["balanced"]}


@pytest.mark.parametrize(
    "looks",
    [
        *(KINDS, CONTROLS, RADII, BALLS, {"network": fits.NETWORK, "linear": fits.LINEAR}),
        {**fits.NETWORKS, "nearest": fits.NEAREST, "minima": fits.MINIMA},
    ],
)
def test_readable_in_greyscale(looks):
    # What colours tell apart, markers or faces tell apart as well.
    shapes = [(marker, str(face)) for marker, _, face, *_ in looks.values()]
    assert len(set(shapes)) == len(shapes)


def test_verdicts_and_solvers_are_told_apart_without_colour():
    greys = [sum(mpl.colors.to_rgb(look["facecolor"])) / 3 for look in VERDICTS.values()]
    hatches = [look.get("hatch") for look in VERDICTS.values()]
    pairs = [(i, j) for i in range(3) for j in range(i)]
    assert all(abs(greys[i] - greys[j]) > 0.2 or hatches[i] != hatches[j] for i, j in pairs)
