"""Continuous piecewise linear fits of ten real series, beside pwlf and piecewise-regression.

Both search breakpoints without a bound of what they miss. Needs ``pip install pwlf
piecewise-regression statsmodels`` and, for its tables only, ``pip install --no-deps ISLP``.
"""

import contextlib
import io
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.publish import markdown
from landscape.bracket import BracketOutcome, bracket_global_minimum
from landscape.spaces import make_space

Array = np.ndarray
#: A fit counts as optimal within this share of the target's variance.
ENOUGH = 1e-6
BREAKPOINTS = range(1, 7)
NODES, STARTS = 500_000, 40


def series() -> dict[str, tuple[Array, Array]]:
    """Ten series by name: one input, scaled to [0, 1], and a target of unit variance."""
    missing = [name for name in ("pwlf", "piecewise_regression", "statsmodels", "ISLP")
               if find_spec(name) is None]  # fmt: skip
    if missing:
        raise SystemExit(f"--peers needs {', '.join(missing)}: see benchmarks/bracket/peers.py")
    import pandas as pd
    from sklearn.datasets import load_diabetes
    from statsmodels import datasets

    folder = Path(next(iter(find_spec("ISLP").submodule_search_locations))) / "data"  # type: ignore
    nile, spots, macro = (
        getattr(datasets, name).load_pandas().data for name in ("nile", "sunspots", "macrodata")
    )
    engel, cancer = (getattr(datasets, name).load_pandas().data for name in ("engel", "cancer"))
    co2 = datasets.co2.load_pandas().data["co2"].resample("MS").mean().dropna()
    auto, boston, wage = (
        pd.read_csv(folder / f"{name}.csv") for name in ("Auto", "Boston", "Wage")
    )
    diabetes = load_diabetes()
    found = {
        "Nile, volume by year": (nile["year"], nile["volume"]),
        "sunspots by year": (spots["YEAR"], spots["SUNACTIVITY"]),
        "US unemployment by quarter": (np.arange(len(macro)), macro["unemp"]),
        "CO2 at Mauna Loa by month": (np.arange(len(co2)), co2),
        "Engel, food by income": (engel["income"], engel["foodexp"]),
        "cancer by population": (cancer["population"], cancer["cancer"]),
        "Auto, mpg by horsepower": (auto["horsepower"], auto["mpg"]),
        "Boston, medv by lstat": (boston["lstat"], boston["medv"]),
        "Wage by age": (wage["age"], wage["wage"]),
        "diabetes by bmi": (diabetes.data[:, 2], diabetes.target),
    }
    plain = {}
    for name, (x, y) in found.items():
        numbers = np.column_stack([pd.to_numeric(pd.Series(np.asarray(v)), errors="coerce")
                                   for v in (x, y)])  # fmt: skip
        x, y = numbers[np.isfinite(numbers).all(axis=1)].T
        plain[name] = (x - x.min()) / np.ptp(x), (y - y.mean()) / y.std()
    return plain


def ours(x: Array, y: Array, k: int, nodes: int = NODES) -> tuple[float, float, bool]:
    """Both ends for k breakpoints, and whether they meet."""
    space = make_space("unrestricted", 1, k + 1)
    limits = {"time_limit": np.inf, "node_limit": nodes, "n_starts": STARTS}
    found = bracket_global_minimum(x[:, None], y, space=space, n_kinks=k, **limits)
    return found.upper, found.lower, found.outcome is BracketOutcome.CLOSED


def _pwlf(x: Array, y: Array, k: int, fit: str) -> float:
    import pwlf

    model = pwlf.PiecewiseLinFit(x, y, seed=0)
    getattr(model, fit)(k + 1)
    return float(np.mean((model.predict(x) - y) ** 2))


def _segmented(x: Array, y: Array, k: int) -> float:
    import piecewise_regression

    np.random.seed(0)  # noqa: NPY002 (it takes its random numbers from there)
    fit = piecewise_regression.Fit(x, y, n_breakpoints=k)
    if fit.best_muggeo is None:
        return np.inf
    return float(np.mean((fit.predict(x) - y) ** 2))


PEERS: dict[str, Callable[[Array, Array, int], float]] = {
    "its starts alone": lambda x, y, k: ours(x, y, k, 0)[0],
    "pwlf, fit": lambda x, y, k: _pwlf(x, y, k, "fit"),
    "pwlf, fitfast": lambda x, y, k: _pwlf(x, y, k, "fitfast"),
    "piecewise-regression": _segmented,
}


def timed(function: Callable[..., object], *arguments: object) -> tuple[object, float]:
    """What it returns, silently, and its CPU seconds."""
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        found = function(*arguments)
    return found, time.process_time() - start


def peers() -> str:
    """A row per method and number of breakpoints over all series."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    data, rows = series(), []
    timed(ours, np.linspace(0, 1, 9), np.arange(9.0) % 3, 1)  # compiles
    for k in BREAKPOINTS:
        brackets, fits = {}, {name: [] for name in PEERS}
        for title, (x, y) in data.items():
            brackets[title] = timed(ours, x, y, k)
            (upper, lower, closed), seconds = brackets[title]
            told = [f"[{lower:.7f}, {upper:.7f}] {'closed' if closed else 'open'} {seconds:.1f} s"]
            for name, fit in PEERS.items():
                loss, seconds = timed(fit, x, y, k)
                if loss < lower - ENOUGH:
                    raise AssertionError(f"{title}, {k}: {name} is below the lower end: {loss}")
                fits[name].append((loss - upper, loss - lower, seconds))
                told.append(f"{name} {loss:.7f} {seconds:.1f} s")
            print(f"{title}, n = {len(x)}, {k} breakpoints:", "; ".join(told), flush=True)
        ends = list(brackets.values())
        closed = sum(found[2] for found, _ in ends)
        seconds = [seconds for _, seconds in ends]
        rows.append([str(k), "bracket", f"{closed} closed", "0", "0"])
        rows[-1] += [f"{median(seconds):.2f}", f"{max(seconds):.1f}"]
        for name, own in fits.items():
            optimal = sum(above <= ENOUGH for _, above, _ in own)
            excess = [max(above, 0.0) for above, _, _ in own if np.isfinite(above)]
            none = sum(not np.isfinite(above) for above, _, _ in own)
            lower = sum(above < -ENOUGH for above, _, _ in own)
            rows.append(
                [str(k), name, f"{optimal} optimal" + f", {none} without a fit" * (none > 0)]
            )
            rows[-1] += [f"{max(excess):.4f}" if excess else "", str(lower)]
            rows[-1] += [f"{median(s for *_, s in own):.2f}", f"{max(s for *_, s in own):.1f}"]
    head = ["breakpoints", "method", f"of {len(data)} series", "largest excess"]
    return markdown([*head, "lower than ours", "seconds, median", "largest"], rows)
