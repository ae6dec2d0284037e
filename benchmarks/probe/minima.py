"""One probe, and a thousand of them on several cores."""

from __future__ import annotations

import time

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.spaces import make_space
from landscape.study.probes import optimal_scales

Task = tuple[Parametrization, np.ndarray, np.ndarray]


def tasks(n_features: int, n_neurons: int, n: int, count: int) -> list[Task]:
    """Random directions with optimal scales: what the probe does is the same as at a minimum.

    Every tenth has scales that are 10 % off: there cuts are needed.
    """
    rng = np.random.default_rng([n_features, n_neurons, n, count])
    space = make_space("restricted", n_features, n_neurons)
    made = []
    for k in range(count):
        features = rng.standard_normal((n, n_features))
        X = space.embed(features)
        y = np.sin(features.sum(axis=1)) + 0.1 * rng.standard_normal(n)
        theta = space.sample(rng)
        t = optimal_scales(theta, X, y)
        if k % 10 == 0:
            t = t * rng.uniform(0.9, 1.1, t.size)
        signs = theta.signs * np.sign(t)
        made.append(
            (Parametrization.from_products(theta.products * np.abs(t)[:, None], signs), X, y)
        )
    return made


def probe(task: Task) -> tuple[str, float]:
    """Verdict and CPU seconds of one probe at 98 % of the rigidity radius."""
    theta, X, y = task
    space = make_space("restricted", theta.n_inputs - 2, theta.n_neurons - 1)
    start = time.process_time()
    record = probe_realization(theta, X, y, radius=0.98 * rigidity_radius(theta), space=space)
    return record.verdict.value, time.process_time() - start


def probe_block(block: list[Task]) -> tuple[list[str], float]:
    """Verdicts and CPU seconds of a block, all included, on one thread."""
    start = time.process_time()
    with threadpool_limits(1):
        verdicts = [probe(task)[0] for task in block]
    return verdicts, time.process_time() - start


def run(count: int, jobs: int) -> None:
    """Print single probes by size, then ``count`` probes on 1 and on ``jobs`` cores."""
    for size in [(1, 2, 40), (2, 4, 40), (3, 5, 60), (10, 5, 442)]:
        with threadpool_limits(1):
            probe(tasks(*size, 1)[0])
            found = [probe(task) for task in tasks(*size, 30)]
        seconds = np.array([cpu for _, cpu in found]) * 1e3
        label = " ".join(map(str, size))
        print(f"{label:>10s}: median {np.median(seconds):6.1f} ms CPU, worst {seconds.max():6.1f}")
    many = tasks(2, 4, 40, count)
    blocks = [many[k : k + 25] for k in range(0, count, 25)]
    for n_jobs in sorted({1, jobs}):
        with Parallel(n_jobs=n_jobs) as parallel:
            parallel(delayed(probe_block)(many[:2]) for _ in range(n_jobs))  # start the workers
            start = time.perf_counter()
            done = parallel(delayed(probe_block)(block) for block in blocks)
            wall = time.perf_counter() - start
        verdicts = [verdict for block, _ in done for verdict in block]
        counts = {name: verdicts.count(name) for name in sorted(set(verdicts))}
        cpu = sum(seconds for _, seconds in done)
        print(
            f"{count} probes, {n_jobs} jobs: {wall:.1f} s, {cpu:.1f} s CPU, "
            f"{cpu / wall:.2f} cores busy, {counts}"
        )
