"""Kernels that a study seldom calls run as Python first: the same numbers, to the last bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape import compiled
from landscape.lipschitz import lipschitz_constant
from landscape.networks import Network
from landscape.parametrization import Parametrization
from landscape.seminorm import sobolev_seminorm
from landscape.seminorm._kernels import sort_plane
from landscape.seminorm._kernels_conflicts import search
from landscape.spaces import make_space
from landscape.trees import merge_tree
from tests.oracles.networks import DEGENERATE, GENERIC

#: Where kernels are called through `seldom`.
CALLERS = (
    "landscape.lipschitz",
    "landscape.seminorm._conflicts",
    "landscape.seminorm._flats",
    "landscape.seminorm._problem",
    "landscape.seminorm._search",
    "landscape.trees._tree",
)


def same(one: Any, other: Any) -> bool:
    """Whether values are of one type and agree to the last bit, or are both nan."""
    if isinstance(one, np.ndarray):
        alike = one.dtype == other.dtype and one.shape == other.shape
        return alike and (one.tobytes() == other.tobytes() or np.array_equal(one, other, True))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def copied(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    return value.copy() if isinstance(value, np.ndarray) else value


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Every such call is made in both forms; results and what is written must be the same."""
    calls: Counter[str] = Counter()

    def both(kernel: Any, size: int) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            before = copied(arguments)
            result = kernel(*arguments)
            assert same(compiled.interpreted(kernel)(*before), result), kernel.__name__
            assert same(before, arguments), kernel.__name__
            calls[kernel.__name__] += 1
            return result

        return run

    for module in CALLERS:
        monkeypatch.setattr(f"{module}.seldom", both)
    yield calls


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_searches_of_the_seminorm(make, compared: Counter[str], rng: np.random.Generator) -> None:
    for d, m in ((2, 9), (3, 9), (4, 8), (6, 12)):
        for nearly in (0.0, 1e-6, 1e-10, 1e-13):
            weights, outputs = make(rng, d, m)
            weights = weights * (1 + nearly * rng.standard_normal(weights.shape))
            theta = Parametrization(weights, outputs)
            for method in ("auto", "flats", "conflicts"):
                record = sobolev_seminorm(theta, method=method)
                assert record.exact
    assert {"jumps", "search", "climb", "sort_plane", "sweep_plane"} <= compared.keys()


def test_points_of_cells_and_regions(compared: Counter[str], rng: np.random.Generator) -> None:
    for m, d in ((5, 2), (6, 3)):
        for integers in (False, True):
            parts = [rng.standard_normal(shape) for shape in ((m, d), m, m)]
            if integers:
                parts = [np.rint(2 * part) for part in parts]
            assert lipschitz_constant(Network(*parts, 0.0), norm=2).exact
    for m in (20, 40):  # searched with points in their cells
        theta = Parametrization(rng.standard_normal((m, 4)), rng.standard_normal(m))
        sobolev_seminorm(theta, method="flats")
    assert {"min_norm_point", "cell_point"} <= compared.keys()


@pytest.mark.parametrize("kind", ["generic", "integers", "duplicates", "zero"])
def test_merge_trees(kind: str, compared: Counter[str], rng: np.random.Generator) -> None:
    x, y = rng.standard_normal((5, 1)), rng.standard_normal(5)
    if kind == "integers":
        x, y = np.rint(2 * x), np.rint(2 * y)
    elif kind == "duplicates":
        x[3:] = x[:2]
    elif kind == "zero":
        y[:] = 0.0
    for name in ("restricted", "unrestricted"):
        merge_tree(x, y, space=make_space(name, 1, 2))
    assert compared == {"cell_losses": 2, "facet_losses": 2, "kruskal": 2}


# --- which form ----------------------------------------------------------------------------------


class Kernel:
    """What `seldom` asks of a kernel."""

    def __init__(self, lock: Path) -> None:
        self.lock, self.overloads = lock, {}
        self.py_func = lambda x: x * np.float64(2.0)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A kernel that nobody has compiled, in a process that has interpreted none."""

    monkeypatch.setattr(compiled, "_spent", [0.0])
    monkeypatch.setattr(compiled, "PATIENCE", 1.0)  # benchmarks have none
    yield Kernel(tmp_path / "kernel.lock")


def test_python_at_first(fresh: Any) -> None:
    form = compiled.seldom(fresh, compiled.SMALL)
    assert form is not fresh and type(form(1.0)) is float and form(1.0) == 2.0
    assert compiled.seldom(fresh, compiled.SMALL + 1) is fresh


def test_compiled_once_another_process_did(fresh: Any) -> None:
    fresh.lock.touch()
    assert compiled.seldom(fresh, 1) is fresh


def test_compiled_once_this_process_did(fresh: Any) -> None:
    fresh.lock, fresh.overloads = None, {(): None}
    assert compiled.seldom(fresh, 1) is fresh


def test_compiled_once_python_took_long(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.lock = None
    monkeypatch.setattr(compiled, "PATIENCE", 1e-9)
    form = compiled.seldom(fresh, 1)
    assert form is not fresh
    form(1.0)
    assert compiled.seldom(fresh, 1) is fresh


def test_a_kernels_file_says_that_it_was_compiled() -> None:
    sort_plane(np.eye(2))
    assert sort_plane.lock is None or sort_plane.lock.exists()


def test_a_long_search_begins_again_compiled(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    limits = []

    def counted(form: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            limits.append(arguments[5])
            return form(*arguments)

        return run

    again, few = counted(search), counted(compiled.interpreted(search))
    theta = Parametrization(rng.standard_normal((40, 6)), rng.standard_normal(40))
    expected = sobolev_seminorm(theta, method="conflicts")
    module = "landscape.seminorm._conflicts"
    monkeypatch.setattr(f"{module}.search", again)
    monkeypatch.setattr(f"{module}.seldom", lambda kernel, size: few)
    monkeypatch.setattr(f"{module}.FEW", 2)
    found = sobolev_seminorm(theta, method="conflicts")
    assert set(limits) == {2, 2**62}  # in Python, and then compiled
    assert found.exact and found.value == expected.value
    np.testing.assert_array_equal(found.witness, expected.witness)
