"""Interpreted and compiled kernels give the same bits, and small searches need no numba."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.seminorm import _tiers, sobolev_seminorm
from tests.oracles.networks import DEGENERATE, GENERIC


def evidence(theta: Parametrization, method: str) -> tuple[object, ...]:
    record = sobolev_seminorm(theta, method=method)
    return record.value, record.upper, record.witness.tobytes(), record.pattern.tobytes()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has run no kernel yet."""
    monkeypatch.setattr(_tiers, "_compiled", {})
    monkeypatch.setattr(_tiers, "_spent", 0.0)


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_both_tiers_give_the_same_bits(make, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    networks = [Parametrization(*make(rng, d, 9)) for d in (3, 4, 6)]
    cases = [(theta, method) for theta in networks for method in ("flats", "conflicts")]
    cases += [(Parametrization(*make(rng, d, 30)), "auto") for d in (1, 2)]
    for name in _tiers.KERNELS:
        _tiers.compiled(name)
    expected = [evidence(*case) for case in cases]
    monkeypatch.setattr(_tiers, "_compiled", {})
    monkeypatch.setattr(_tiers, "_spent", 0.0)
    monkeypatch.setattr(_tiers, "BUDGET", 1e9)
    assert [evidence(*case) for case in cases] == expected
    assert not _tiers._compiled


def test_what_takes_longer_than_the_budget_is_compiled(
    fresh: None, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    theta = Parametrization(rng.standard_normal((24, 6)), rng.standard_normal(24))
    monkeypatch.setattr(_tiers, "BUDGET", 1e9)
    slow = evidence(theta, "conflicts")
    assert not _tiers._compiled
    # A budget that the search believes to be enough, and that is over at its first node.
    monkeypatch.setattr(_tiers, "BUDGET", _tiers._spent)
    monkeypatch.setattr(_tiers, "_Clock", _Over)
    call = _tiers.call

    def hopeful(kernel, *arguments, work: float, stop: int | None = None):
        return call(kernel, *arguments, work=0.0, stop=stop)

    monkeypatch.setattr("landscape.seminorm._conflicts.call", hopeful)
    assert evidence(theta, "conflicts") == slow
    assert "landscape.seminorm._kernels_conflicts" in _tiers._compiled


class _Over(_tiers._Clock):
    """Time is up at once."""

    def __init__(self, stop, seconds: float) -> None:
        super().__init__(stop, -1.0)


@pytest.mark.parametrize("shape", [(20, 2), (20, 3), (60, 3), (20, 4), (14, 5), (18, 6), (20, 12)])
def test_small_networks_start_without_numba(shape: tuple[int, int]) -> None:
    code = f"""
import sys
import numpy as np
from landscape import Parametrization, sobolev_seminorm
from landscape.seminorm import _tiers
_tiers.BUDGET = 60.0  # however slow this machine is
rng = np.random.default_rng(0)
theta = Parametrization(rng.standard_normal({shape}), rng.standard_normal({shape[0]}))
assert sobolev_seminorm(theta).exact
print([name for name in ("numba", "scipy", "importlib.metadata") if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
