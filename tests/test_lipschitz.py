"""Lipschitz constants against linear programs over all activation patterns.

Checks Theorem 25 of docs/mathematics.md.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from landscape import Network, Parametrization, lipschitz_constant, sobolev_seminorm
from landscape.arrangement import Arrangement
from landscape.lipschitz import DUAL, _Search
from tests.cases import diagonal

NORMS = (1, 2, np.inf)


def by_programs(network, norm, box=None):
    """The largest dual norm over patterns whose region has room for a cube, by linear programs.

    The cube has half the side eps <= 1, and the rows are scaled to 1-norm one.
    """
    a, b, c = network.weights, network.biases, network.output_weights
    d = network.n_inputs
    best = 0.0
    sizes = np.abs(a).sum(axis=1)
    used = np.flatnonzero(sizes > 0)
    for signs in product((-1.0, 1.0), repeat=len(used)):
        s = np.array(signs)[:, None]
        rows, right = -s * a[used], s[:, 0] * b[used]
        A = np.hstack([rows, sizes[used][:, None]])
        if box is not None:
            finite = np.isfinite(box)
            low, high = -np.eye(d)[finite[:, 0]], np.eye(d)[finite[:, 1]]
            A = np.vstack(
                [A, *(np.hstack([side, np.ones((len(side), 1))]) for side in (low, high))]
            )
            right = np.concatenate([right, -box[finite[:, 0], 0], box[finite[:, 1], 1]])
        bounds = [(None, None)] * d + [(None, 1.0)]
        found = linprog(-np.eye(d + 1)[-1], A, right, bounds=bounds)
        if found.status == 0 and found.x[-1] > 1e-7:
            active = used[np.array(signs) > 0]
            best = max(best, np.linalg.norm(c[active] @ a[active], ord=DUAL[norm]))
    return best


def check(network, norm, box=None, **options):
    found = lipschitz_constant(network, norm=norm, domain=box, **options)
    a, b, c = network.weights, network.biases, network.output_weights
    where = found.rational_witness or tuple(map(Fraction, found.witness.tolist()))
    z = [
        sum((Fraction(p) * q for p, q in zip(row, where, strict=True)), Fraction(bias))
        for row, bias in zip(a.tolist(), b.tolist(), strict=True)
    ]
    moving = (c[:, None] * a != 0).any(axis=1)
    assert all(value != 0 for value, used in zip(z, moving, strict=True) if used)
    assert [value > 0 for value, used in zip(z, moving, strict=True) if used] == (
        found.pattern[moving].tolist()
    )
    if box is not None:
        assert all(low < x < high for x, (low, high) in zip(where, box.tolist(), strict=True))
    assert np.allclose(found.gradient, (c * found.pattern) @ a, rtol=1e-13, atol=found.tolerance)
    assert abs(np.linalg.norm(found.gradient, ord=DUAL[norm]) - found.lower) <= found.tolerance
    return found


def networks(rng):
    """Random ones, and degenerate ones: parallel, equal, opposite, zero, shared points, silent."""
    for m, d in ((3, 1), (4, 2), (5, 2), (4, 3)):
        for _ in range(3):
            parts = [rng.standard_normal(shape) for shape in ((m, d), m, m)]
            yield Network(*parts, 0.3)
            # Small integers: many hyperplanes meet in points, are parallel, or at infinity.
            a, b, c = (rng.integers(-2, 3, shape).astype(float) for shape in ((m, d), m, m))
            a[0] = 0.0
            a[1], b[1] = -a[-1], -b[-1]
            if m > 3:
                a[2], b[2], c[2] = 2 * a[-1], 2 * b[-1], -c[-1]
            yield Network(a, b, c, -1.0)


@pytest.mark.parametrize(("norm", "domain"), diagonal(NORMS, ["all", "box", "half"]))
def test_against_linear_programs(rng, norm, domain):
    for network in networks(rng):
        d = network.n_inputs
        low = rng.uniform(-1.5, 0.5, d)
        box = {
            "all": None,
            "box": np.column_stack([low, low + rng.uniform(0.2, 2.0, d)]),
            "half": np.column_stack([low, np.full(d, np.inf)]),
        }[domain]
        found = check(network, norm, box)
        assert found.exact and found.lower == found.upper
        assert found.value == pytest.approx(by_programs(network, norm, box), rel=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_both_methods_agree(rng, norm):
    """The seminorm's methods and the search over regions, which nothing else is compared with."""
    box = [[-np.inf, np.inf]]
    for m, d in ((12, 1), (14, 2), (10, 3)):
        network = Network(*(rng.standard_normal(shape) for shape in ((m, d), m, m)), 0.0)
        one, other = check(network, norm), check(network, norm, np.repeat(box, d, axis=0))
        assert other.method == "regions" and (one.method != "regions") == (norm != 2 or d == 1)
        assert one.value == pytest.approx(other.value, rel=1e-13)


def test_regions_at_infinity_do_not_count():
    """Two parallel kinks of one direction: beyond t = 0 they are active in the other order."""
    network = Network([[1.0], [1.0]], [0.0, -1.0], [1.0, -3.0], 0.0)
    assert lipschitz_constant(network).value == 2.0
    # In (x, t) there is a cell with x - t > 0 > x, of slope -3.
    rows = np.column_stack([network.weights, network.biases])
    assert sobolev_seminorm(Parametrization(rows, network.output_weights)).value == 3.0


@pytest.mark.parametrize("width", [2.0**-40, 2.0**-52])
@pytest.mark.parametrize("centre", [1.0, 2.0**30])
def test_a_bump_counts_however_thin(width, centre):
    """Also where floats have no point in it, and where directions (a, b) agree to rounding."""
    for d in (1, 2):
        a = np.eye(d)[[0, 0]]
        network = Network(a, [-centre, -centre - width * centre], [3.0, -3.0], 0.0)
        for norm in NORMS:
            for box in (None, np.full((d, 2), (centre - 1.0, centre + 1.0))):
                found = check(network, norm, box)
                assert found.value == 3.0 and found.exact
                assert (found.rational_witness is not None) == (width == 2.0**-52)


@pytest.mark.parametrize("power", [-600, -40, 40, 600])
def test_scales_of_neurons_and_inputs_are_exact(rng, power):
    parts = [rng.standard_normal(shape) for shape in ((5, 2), 5, 5)]
    for norm in NORMS:
        plain = lipschitz_constant(Network(*parts, 0.0), norm=norm)
        powers = np.where(rng.random(5) < 0.5, 1.0, 2.0**power)
        a, b, c = parts[0] * powers[:, None], parts[1] * powers, parts[2] / powers
        assert lipschitz_constant(Network(a, b, c, 0.0), norm=norm).value == plain.value
        larger = lipschitz_constant(
            Network(parts[0], parts[1], parts[2] * 2.0**power, 0.0), norm=norm
        )
        assert larger.value == plain.value * 2.0**power


def test_boxes_only_shrink_it(rng):
    network = Network(*(rng.standard_normal(shape) for shape in ((15, 2), 15, 15)), 0.0)
    for norm in NORMS:
        values = [check(network, norm, np.full((2, 2), (-r, r))).value for r in (0.01, 0.1, 1, 100)]
        assert values == sorted(values)
        assert values[-1] <= lipschitz_constant(network, norm=norm).value * (1 + 1e-15)


def test_difference_quotients_stay_below(rng):
    network = Network(*(rng.standard_normal(shape) for shape in ((20, 3), 20, 20)), 0.0)
    x = rng.standard_normal((2000, 3))
    y = x + 1e-3 * rng.standard_normal((2000, 3))
    for norm in NORMS:
        quotients = np.abs(network.predict(x) - network.predict(y)) / (
            np.linalg.norm(x - y, ord=norm, axis=1)
        )
        found = check(network, norm)
        assert 0.3 * found.value < quotients.max() <= found.value * (1 + 1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_limits_leave_a_bracket(rng, norm):
    network = Network(*(rng.standard_normal(shape) for shape in ((60, 8), 60, 60)), 0.0)
    found = check(network, norm, node_limit=2)
    assert not found.exact and found.lower < found.upper
    more = check(network, norm, node_limit=300)
    assert found.lower <= more.lower * (1 + 1e-12) and more.upper <= found.upper * (1 + 1e-12)


def test_networks_that_do_not_move():
    for network in (
        Network(np.zeros((0, 2)), [], [], 1.0),
        Network([[0.0, 0.0]], [1.0], [2.0], 1.0),
        Network([[1.0, 0.0], [1.0, 0.0]], [0.5, 0.5], [1.0, -1.0], 0.0),
    ):
        for norm in NORMS:
            found = lipschitz_constant(network, norm=norm)
            assert found.value == 0 and found.exact
    assert lipschitz_constant(Network([[1.0]], [0.0], [1.0], 0.0), domain=(-2, -1)).value == 0


def test_a_kink_on_the_border_of_a_box():
    network = Network([[1.0], [-1.0]], [-1.0, 0.0], [5.0, 2.0], 0.0)
    assert lipschitz_constant(network, domain=(0, 1)).value == 0
    assert lipschitz_constant(network, domain=(-1, 1)).value == 2
    assert lipschitz_constant(network, domain=(0, 2)).value == 5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"norm": 3}, "norm: expected 1, 2 or inf"),
        ({"domain": [[0, 1]]}, r"expected shape \(2, 2\)"),
        ({"domain": (1, 1)}, "expected low < high"),
        ({"domain": [[0, 1], [0, np.nan]]}, "input 1 is in"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        lipschitz_constant(Network([[1.0, 0.0]], [0.0], [1.0], 0.0), **options)


def test_conflicts_of_floats_are_confirmed_in_integers(rng):
    """Hyperplanes that meet in a point up to 1e-13: floats take thin cells for conflicts."""
    for _ in range(5):
        a = rng.standard_normal((5, 2))
        b = -(a @ rng.standard_normal(2)) + 1e-13 * rng.standard_normal(5)
        network = Network(a, b, rng.standard_normal(5), 0.0)
        values = {norm: check(network, norm) for norm in NORMS}
        search = _Search(a, b, network.output_weights, 2.0, None)
        assert search.m == 5 and all(found.exact for found in values.values())
        whole = np.full((2, 2), (-np.inf, np.inf))
        for norm, found in values.items():
            assert check(network, norm, whole).value == pytest.approx(found.value, rel=1e-13)


def by_cells(network, norm, box):
    """The largest dual norm over all cells in the domain, which integers enumerate."""
    a, b, c = network.weights, network.biases, network.output_weights
    m, d = a.shape
    faces = [np.eye(d + 1)[-1]]
    for j, (low, high) in enumerate([] if box is None else box):
        faces += [np.append(np.eye(d)[j], -low), np.append(-np.eye(d)[j], high)]
    rows = np.vstack([np.column_stack([a, b]), faces])
    patterns = Arrangement(rows, tolerance=None).cells().patterns
    inside = patterns[patterns[:, m:].all(axis=1), :m]
    return np.linalg.norm(inside @ (c[:, None] * a), ord=DUAL[norm], axis=1).max()


@pytest.mark.parametrize("kind", ["one point", "near one point", "copies", "scales"])
def test_degenerate_networks_against_all_cells(rng, kind):
    for d, m in ((1, 8), (2, 7), (3, 6)):
        a, b, c = (rng.standard_normal(shape) for shape in ((m, d), m, m))
        if "point" in kind:
            b = -(a @ rng.integers(-1, 2, d)).astype(float)
            if kind == "near one point":
                b += rng.choice([0.0, 1e-15, -1e-15, 1e-12], m)
        elif kind == "copies":
            factors = rng.choice([1.0, -1.0, 2.0, 3.0], m)
            a = a[rng.integers(0, 3, m)] * factors[:, None]
        else:
            sizes = 10.0 ** rng.integers(-12, 12, m)
            a, b, c = a * sizes[:, None], b * sizes, c / sizes
        network = Network(a, b, c, 0.0)
        box = np.column_stack([rng.integers(-3, 0, d), rng.integers(0, 3, d) + 0.5]).astype(float)
        for norm in NORMS:
            for domain in (None, box):
                found = check(network, norm, domain)
                wanted = by_cells(network, norm, domain)
                assert found.exact and found.value == pytest.approx(wanted, rel=1e-11)
