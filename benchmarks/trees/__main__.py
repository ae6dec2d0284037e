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
from landscape.plots.style import STYLE, render
from landscape.spaces import RestrictedSpace, make_space
from landscape.trees import MergeTree, merge_tree

#: Inputs, samples, neurons in N*.
SIZES = [(1, 12, 2), (1, 12, 3), (1, 12, 4), (1, 30, 2), (1, 30, 3), (1, 200, 2), (2, 8, 2)]
SIZES += [(2, 12, 2), (2, 16, 2), (3, 8, 2)]
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
    first = markdown([*head, "of persistence > 0.001", "CPU s"], sizes())
    head = ["samples", "neurons", "pairs", "median excess", "largest", "excess < 0.001", "least"]
    second = markdown([*head, "CPU s a pair", "CPU s, tree"], bands())
    if options.publish:
        publish(f"{first}\n\n{second}", DOCS / "trees.md", "python -m benchmarks.trees --publish")
        figure(DOCS / "figures/trees.png")


if __name__ == "__main__":
    main()
