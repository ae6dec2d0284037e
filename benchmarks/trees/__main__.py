"""``python -m benchmarks.trees [--publish]``: times of merge trees, and barriers by searches.

Times are CPU seconds on one core, kernels compiled. The peer is a nudged elastic band: 30 images on
the segment between two minima of N*, 300 steps against the gradient across the band, the loss on
its segments taken exactly. Figure and table go to ``docs/trees.md``.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.publish import markdown, publish
from landscape.effective import EffectiveProblem
from landscape.parametrization import Parametrization
from landscape.plots import STYLE, render
from landscape.spaces import RestrictedSpace, make_space
from landscape.trees import MergeTree, merge_tree, staircase

#: Inputs, samples, neurons in N*.
SIZES = [(1, 12, 2), (1, 12, 3), (1, 12, 4), (1, 30, 2), (1, 30, 3), (1, 200, 2), (2, 8, 2)]
SIZES += [(2, 12, 2), (2, 16, 2), (3, 8, 2)]
#: Space, inputs and samples of random data, for widths up to n + 1.
STAIRS = [("unrestricted", 1, 3), ("unrestricted", 1, 4), ("unrestricted", 1, 5)]
STAIRS += [("unrestricted", 2, 3), ("unrestricted", 2, 4), ("balanced", 1, 3), ("balanced", 1, 4)]
DOCS = Path(__file__).parents[2] / "docs"
Array = np.ndarray


def problem(n_inputs: int, n_samples: int) -> tuple[Array, Array]:
    """A sine-like target with noise, from a fixed seed."""
    rng = np.random.default_rng([n_inputs, n_samples])
    x = rng.uniform(-1, 1, (n_samples, n_inputs))
    return x, np.sin(4 * x.sum(axis=1)) + 0.1 * rng.standard_normal(n_samples)


def band(tree: MergeTree, i: int, j: int, n_images: int = 30, n_steps: int = 300) -> float:
    """The highest loss on a nudged elastic band between two minima."""
    X = np.column_stack([tree.features, np.ones(len(tree.target))])
    states = []
    for k in (i, j):
        theta: Parametrization = tree.minimum(k)[0]
        found = EffectiveProblem.build(
            theta, tree.space.embed(tree.features), tree.target, tree.space
        )
        order = np.argsort(-found.signs, kind="stable")
        states.append(found.state().u[order])
        signs = found.signs[order]
    t = np.linspace(0, 1, n_images)[:, None, None]
    images = (1 - t) * states[0] + t * states[1]
    for _ in range(n_steps):
        z = images @ X.T
        s = np.einsum("kmn,m->kn", np.maximum(z, 0), signs) - tree.target
        force = np.einsum("kmn,kn,nd->kmd", (z > 0) * signs[:, None], s, X)[1:-1]
        along = images[2:] - images[:-2]
        along /= np.sqrt((along**2).sum(axis=(1, 2), keepdims=True)) + 1e-12
        force -= (force * along).sum(axis=(1, 2), keepdims=True) * along
        images[1:-1] -= 0.3 / len(X) * force
    highest = 0.0
    for one, two in pairwise(images @ X.T):
        with np.errstate(divide="ignore", invalid="ignore"):
            kinks = (one / (one - two)).ravel()
        for t in [0.0, 1.0, *kinks[(kinks > 0) & (kinks < 1)]]:
            s = signs @ np.maximum((1 - t) * one + t * two, 0) - tree.target
            highest = max(highest, float(np.mean(s**2)))
    return highest


def sizes() -> list[list[str]]:
    rows = []
    for p, n, m in SIZES:
        x, y = problem(p, n)
        start = time.process_time()
        tree = merge_tree(x, y, space=RestrictedSpace(p + 2, m))
        seconds = time.process_time() - start
        high = int((tree.pairs[:, 1] - tree.pairs[:, 0] > 1e-3).sum())
        cost = tree.cost
        rows.append(
            f"{p} {n} {m} {cost.n_joint_cells:,} {cost.n_facets:,} {len(tree)} {high} "
            f"{seconds:.2f}".split()
        )
        print(*rows[-1], flush=True)
    return rows


def bands() -> list[list[str]]:
    rows = []
    for n, m in [(6, 2), (8, 2), (8, 3)]:
        x, y = problem(1, n)
        start = time.process_time()
        tree = merge_tree(x, y, space=RestrictedSpace(3, m))
        seconds = time.process_time() - start
        pairs = [(i, j) for i in range(len(tree)) for j in range(i)]
        pairs = [pair for pair in pairs if np.isfinite(tree.barrier(*pair))][:40]
        start = time.process_time()
        found = np.array([band(tree, i, j) for i, j in pairs])
        each = (time.process_time() - start) / len(pairs)
        exact = np.array([tree.barrier(i, j) for i, j in pairs])
        above = (found - exact) / float(np.var(y))
        rows.append(
            f"{n} {m} {len(pairs)} {np.median(above):.3f} {above.max():.3f} "
            f"{(above < 1e-3).mean():.0%} {above.min():.1e} {each:.2f} {seconds:.2f}".split()
        )
        print(*rows[-1], flush=True)
    return rows


def stairs(seeds: int = 20) -> list[list[str]]:
    """From which width on trees of random data have no spurious valley, and a single one."""
    rows = []
    for name, p, n in STAIRS:
        free, single, at = [], [], []
        for seed in range(seeds):
            rng = np.random.default_rng([seed, n, p])
            found = staircase(rng.standard_normal((n, p)), rng.standard_normal(n), space=name)
            assert len(found) == n + 1
            free.append(1 + max([s.width for s in found if s.n_spurious], default=0))
            single.append(1 + max([s.width for s in found if s.n_valleys > 1], default=0))
            at.append([s.n_valleys > 1 for s in found[-2:]])
        counts = np.sum(at, axis=0)
        rows.append([name, *(str(v) for v in (p, n))])
        for widths in (free, single):
            rows[-1].append(" to ".join(str(w) for w in sorted({min(widths), max(widths)})))
        rows[-1] += [f"{count} of {seeds}" for count in counts]
        print(*rows[-1], flush=True)
    return rows


def growth(rows: list[list[str]]) -> str:
    """CPU seconds against facets, over all sizes that take more than 0.05 s: a power law."""
    facets, seconds = (np.array([float(r[k].replace(",", "")) for r in rows]) for k in (4, 7))
    large = seconds > 0.05
    power, unit = np.polyfit(np.log(facets[large]), np.log(seconds[large]), 1)
    return (
        f"CPU seconds grow like (number of facets)^{power:.2f}: "
        f"{np.exp(unit) * 1e6**power:.2f} s for a million."
    )


def figure(path: Path) -> None:
    """The same problem in the three spaces."""
    x = np.linspace(-1, 1, 10)[:, None]
    y = np.sin(5 * x[:, 0])
    names = {"restricted": "N*", "balanced": "N'", "unrestricted": "N"}
    with mpl.rc_context(STYLE):
        canvas, axes = plt.subplots(1, 3, figsize=(7.5, 3), sharey=True, layout="constrained")
        for ax, (name, title) in zip(axes, names.items(), strict=True):
            tree = merge_tree(x, y, space=make_space(name, 1, 2))
            tree.plot(ax)
            ax.set(title=f"{title}: {len(tree)} valleys", xlabel="")
        for ax in axes[1:]:
            ax.set(ylabel="")
    path.write_bytes(render(canvas, "png"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.trees", description=__doc__)
    parser.add_argument("--publish", action="store_true", help="write docs/trees.md, its figure")
    options = parser.parse_args()
    x, y = problem(1, 5)
    merge_tree(x, y, space=RestrictedSpace(3, 1))  # compiles the kernels
    head = ["inputs", "samples", "neurons", "joint cells", "facets", "valleys"]
    timed = sizes()
    first = markdown([*head, "of persistence > 0.001", "CPU s"], timed) + f"\n\n{growth(timed)}"
    head = ["samples", "neurons", "pairs", "median excess", "largest", "excess < 0.001", "least"]
    second = markdown([*head, "CPU s a pair", "CPU s, tree"], bands())
    head = ["space", "inputs", "samples n", "no spurious valley from width", "one valley from"]
    head += ["several at width n", "at n + 1"]
    third = markdown(head, stairs())
    if options.publish:
        publish(
            f"{first}\n\n{second}\n\n{third}",
            DOCS / "trees.md",
            "python -m benchmarks.trees --publish",
        )
        figure(DOCS / "figures/trees.png")


if __name__ == "__main__":
    main()
