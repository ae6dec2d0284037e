"""Laws of what the jobs of a study cost, for :mod:`landscape.study.cost`.

The study `config.yaml` runs with one job per number of neurons; every job accounts for its start,
its imports and its kernels apart from its work (benchmarks.overhead). The work per unit of it is
fitted by least squares of logarithms. No exponent is negative: where a larger problem happened to
cost less, the law is constant in that size. Coefficients are such that the sums over all jobs
agree: it is sums that the estimate is made of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import lsq_linear
from snakemake.utils import validate

from benchmarks.overhead.runs import ROOT, run_study
from landscape.data import make_dataset
from landscape.study.cost import RULES, units

TABLE = ROOT / "landscape/study/_costs.py"
PAGE = '''"""CPU seconds of jobs: made by ``python -m benchmarks.scale --publish``."""

#: Per unit of work, c (n d)^size m^neurons: (c, size, neurons).
LAWS = {laws}
#: Before the work of a job begins, by its imports.
STARTUP = {startup}
#: Of jobs without a law: tables, figures and the like, of the default study's sizes.
FIXED = {fixed}
'''


def fit_law(sizes: Iterable[tuple[int, int, int]], seconds: Iterable[float]) -> tuple[float, ...]:
    """Coefficient, for which sums agree; exponents of n d and of m, both at least 0.

    Examples
    --------
    >>> sizes = [(10, 1, 2), (10, 1, 4), (40, 2, 2), (40, 2, 4)]
    >>> law = fit_law(sizes, [3 * (n * d) ** 0.5 * m for n, d, m in sizes])
    >>> [round(float(x), 6) for x in law]
    [3.0, 0.5, 1.0]
    >>> [round(float(x), 6) for x in fit_law(sizes, [2.0, 1.0, 2.0, 1.0])]
    [1.5, 0.0, 0.0]
    """
    measured = np.array(list(seconds))
    design = np.array([[1.0, np.log(n * d), np.log(m)] for n, d, m in sizes])
    found = lsq_linear(design, np.log(measured), bounds=([-np.inf, 0, 0], np.inf), method="bvls").x
    shape = np.exp(design[:, 1:] @ found[1:])
    return float(measured.sum() / shape.sum()), float(found[1]), float(found[2])


def measure_jobs(cores: int) -> dict[str, dict]:
    """LAWS, STARTUP and FIXED of :mod:`landscape.study.cost`, from a study on so many cores."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config |= {"neurons_together": False, "block_size": config["starts"]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = folder / "given.yaml"
        given.write_text(yaml.safe_dump(config), encoding="utf-8")
        _, records = run_study(given, cores, folder)
    validate(config, str(ROOT / "workflow/schemas/config.schema.yaml"))
    data = {name: make_dataset(name, entry) for name, entry in config["datasets"].items()}
    costs: dict[str, dict] = {"laws": {}, "startup": {}, "fixed": {}}
    for rule in sorted({record["rule"] for record in records} - {""}):
        jobs = [record for record in records if record["rule"] == rule]
        before = [job["start"] + job["imports"] + job["kernels"] for job in jobs]
        total = [job["total"] - job["compiling"] for job in jobs]
        if rule not in RULES:
            costs["fixed"][rule] = float(np.mean(total))
            continue
        sizes = []
        for job in jobs:
            made = data[job["wildcards"]["dataset"]]
            sizes.append((made.n_samples, made.n_features, int(job["wildcards"]["neurons"])))
        work = units(rule, config, config["starts"])
        each = [(t - b) / work for t, b in zip(total, before, strict=True)]
        costs["laws"][rule] = fit_law(sizes, each)
        costs["startup"][rule] = float(np.mean(before))
    return costs


def table(costs: dict[str, dict]) -> str:
    """The module that landscape.study.cost reads."""
    laws = [
        f'    "{rule}": ({c:.2g}, {size:.2f}, {neurons:.2f}),'
        for rule, (c, size, neurons) in costs["laws"].items()
    ]
    others = {
        kind: [f'    "{rule}": {seconds:.2f},' for rule, seconds in costs[kind].items()]
        for kind in ("startup", "fixed")
    }
    parts = {
        kind: "\n".join(["{", *lines, "}"]) for kind, lines in ({"laws": laws} | others).items()
    }
    return PAGE.format(**parts)
