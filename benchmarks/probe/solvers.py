"""Solvers for the probe's quadratic programs: time, and quality of the dual bound.

Programs ``min <q, tau> + rho/2 <tau, H tau>`` over ``|cells tau| <= 1`` in the box of the probe,
with *all* cells of the arrangement, so that every solver sees the same program.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

from landscape.parametrization import Parametrization
from landscape.probe._program import NetworkValues, ScaleProgram, minimize_in_box
from landscape.probe.rigid import rigidity_radius, scale_bounds
from landscape.spaces import make_space
from landscape.study.probes import optimal_scales

Array = np.ndarray
Solver = Callable[[Array, Array, Array, Array, Array, Array], tuple[Array, Array]]


def clarabel(h: Array, q: Array, rows: Array, right: Array, low: Array, high: Array):
    return minimize_in_box(h, q, rows, right, low, high)[:2]


def highs(h: Array, q: Array, rows: Array, right: Array, low: Array, high: Array):
    import highspy
    from scipy import sparse

    n, p = q.size, len(right)
    size = float(np.abs(q).max() + np.abs(h).max()) or 1.0
    model = highspy.HighsModel()
    lp = model.lp_
    lp.num_col_, lp.num_row_ = n, p
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = q / size, low, high
    lp.row_lower_, lp.row_upper_ = np.full(p, -np.inf), right
    matrix = sparse.csc_matrix(rows)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    lower = sparse.csc_matrix(np.tril(h / size))
    model.hessian_.dim_ = n
    model.hessian_.format_ = highspy.HessianFormat.kTriangular
    model.hessian_.start_, model.hessian_.index_ = lower.indptr, lower.indices
    model.hessian_.value_ = lower.data
    solver = highspy.Highs()
    solver.silent()
    solver.passModel(model)
    solver.run()
    solution = solver.getSolution()
    return np.array(solution.col_value), np.maximum(-np.array(solution.row_dual), 0.0) * size


def osqp(h: Array, q: Array, rows: Array, right: Array, low: Array, high: Array):
    import osqp as package
    from scipy import sparse

    n = q.size
    size = float(np.abs(q).max() + np.abs(h).max()) or 1.0
    solver = package.OSQP()
    solver.setup(
        sparse.triu(sparse.csc_matrix(h / size), format="csc"),
        q / size,
        sparse.csc_matrix(np.vstack([rows, np.eye(n)])),
        np.concatenate([np.full(len(right), -np.inf), low]),
        np.concatenate([right, high]),
        verbose=False,
        eps_abs=1e-10,
        eps_rel=1e-10,
        max_iter=20_000,
    )
    found = solver.solve()
    return np.array(found.x), np.maximum(np.array(found.y)[: len(right)], 0.0) * size


def slsqp(h: Array, q: Array, rows: Array, right: Array, low: Array, high: Array):
    from scipy.optimize import minimize

    size = float(np.abs(q).max() + np.abs(h).max()) or 1.0
    found = minimize(
        lambda x: (float(q @ x + x @ h @ x / 2) / size, (q + h @ x) / size),
        np.zeros(q.size),
        jac=True,
        method="SLSQP",
        bounds=list(zip(low, high, strict=True)),
        constraints=[{"type": "ineq", "fun": lambda x: right - rows @ x, "jac": lambda x: -rows}],
        options={"ftol": 1e-15, "maxiter": 200},
    )
    return found.x, np.maximum(getattr(found, "multipliers", np.zeros(len(right))), 0.0) * size


SOLVERS: dict[str, Solver] = {"clarabel": clarabel, "HiGHS": highs, "OSQP": osqp, "SLSQP": slsqp}


def programs(n_features: int, n_neurons: int, n: int, count: int):
    """Random networks with optimal scales, and with scales that are 10 % off, at three radii."""
    rng = np.random.default_rng([n_features, n_neurons, n])
    space = make_space("restricted", n_features, n_neurons)
    for k in range(count):
        features = rng.standard_normal((n, n_features))
        X = space.embed(features)
        y = np.sin(features.sum(axis=1)) + 0.1 * rng.standard_normal(n)
        theta = space.sample(rng)
        t = optimal_scales(theta, X, y)
        signs = theta.signs * np.sign(t)
        theta = Parametrization.from_products(theta.products * np.abs(t)[:, None], signs)
        if k % 2:
            theta = theta.scale(rng.uniform(0.9, 1.1, theta.n_neurons))
        for fraction in (0.98, 1e-3, 1e-9):
            radius = fraction * rigidity_radius(theta)
            values = NetworkValues.of(theta, X, y)
            own = radius / values.slope_unit
            low, high = scale_bounds(values, own, space)
            yield ScaleProgram(values, values.rows, theta.signs, own, low, high)


def measure(solver: Solver, program: ScaleProgram) -> tuple[float, float]:
    """Seconds, and how far the dual bound is below the value, relative to first order."""
    patterns = program.oracle.patterns
    assert patterns is not None
    cells = np.vstack([(p[:, None] * program.directions).T for p in patterns if p.any()])
    rows, right = np.vstack([cells, -cells]), np.ones(2 * len(cells))
    hessian = program.radius * program.hessian
    start = time.perf_counter()
    tau, multipliers = solver(hessian, program.linear, rows, right, program.low, program.high)
    seconds = time.perf_counter() - start
    tau = np.clip(np.nan_to_num(tau), program.low, program.high)
    tau = tau / max(1.0, float(np.abs(rows @ tau).max()))
    slope = program.linear + hessian @ tau
    rest = slope + multipliers @ rows
    box = float(np.where(rest > 0, program.low, program.high) @ rest)
    value = float(program.linear @ tau + tau @ hessian @ tau / 2)
    bound = value - float(slope @ tau) - float(multipliers.sum()) + box
    scale = float(np.abs(program.linear).sum() + np.abs(hessian).sum())
    return seconds, (value - bound) / scale


def compare(count: int) -> None:
    """Print a table: one row per solver and size (features, neurons, samples)."""
    print(f"{'solver':10s} {'size':>10s} {'median ms':>10s} {'worst ms':>10s} {'worst gap':>10s}")
    for size in [(1, 2, 40), (2, 4, 40), (3, 5, 60), (5, 6, 100)]:
        problems = list(programs(*size, count))
        for name, solver in SOLVERS.items():
            try:
                measure(solver, problems[0])  # imports and first calls are not what is compared
            except ImportError as error:
                print(f"{name:10s} not installed: {error}")
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = np.array([measure(solver, problem) for problem in problems])
            label = " ".join(map(str, size))
            middle, worst = np.median(found[:, 0]) * 1e3, found[:, 0].max() * 1e3
            print(f"{name:10s} {label:>10s} {middle:10.2f} {worst:10.2f} {found[:, 1].max():10.1e}")
