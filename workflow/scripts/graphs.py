"""Draw the rule graph and the jobs of the default study in docs/graphs.md.

Run from the repository's root: python workflow/scripts/graphs.py
"""

import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from landscape.plots import STYLE, render

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# The workflow as a graph

Made by `make graphs` from `config.yaml`. An arrow that others imply is left out of the pictures.

## Rules

![The rules, each to the right of those whose files it reads](figures/rules.svg)

| rule | reads files of |
| --- | --- |
{rules}

## Jobs of the default study

{jobs} jobs; every arrow is a file that one job writes and another one reads.

![The jobs, each to the right of those whose files it reads](figures/jobs.svg)
"""


def snakemake(graph):
    """The labels of a graph's nodes, in their order, and its arrows as pairs of their places."""
    # In an empty folder every job has to run: finished ones would be drawn dashed.
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--directory", folder, "--configfile", ROOT / "config.yaml"]
        command += ["--workflow-profile", "none", graph, "mermaid-js"]
        done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    labels = dict(re.findall(r'^\s*(id\d+)\["?(.*?)"?\]$', done.stdout, re.MULTILINE))
    found = re.findall(r"^\s*(id\d+) -+> (id\d+)$", done.stdout, re.MULTILINE)
    above = {node: sorted(labels[a] for a, b in found if b == node) for node in labels}
    # Jobs of one name are told apart by what they read, and that by what is read for it.
    for _ in labels:
        above = {n: sorted([labels[n], *(t for a, b in found if b == n for t in above[a])])
                 for n in labels}  # fmt: skip
        if len({(labels[n], *above[n]) for n in labels}) == len(labels):
            break
    ordered = sorted(labels, key=lambda node: (labels[node], above[node]))
    place = {node: k for k, node in enumerate(ordered)}
    names = [re.sub(r" - \w+:", "", labels[node]) for node in ordered]
    return names, sorted({(place[a], place[b]) for a, b in found})


def drawn(names, arrows):
    """The graph in columns from the left to the right, longest paths first."""
    n = len(names)
    reach = np.zeros((n, n), dtype=bool)
    for a, b in arrows:
        reach[a, b] = True
    longer = np.zeros_like(reach)
    for _ in range(n):  # paths of two arrows and more
        longer = (reach.astype(int) @ (reach | longer).astype(int)) > 0
    arrows = [pair for pair in arrows if not longer[pair]]
    column = [0] * n
    for _ in range(n):
        for a, b in arrows:
            column[b] = max(column[b], column[a] + 1)
    for k in range(n):  # nothing before it: as near as it can be to what reads it
        if not any(b == k for _, b in arrows):
            column[k] = min([column[b] for a, b in arrows if a == k], default=1) - 1
    # A long arrow passes through a place of its own in each column between.
    chains = []
    for a, b in arrows:
        between = range(column[a] + 1, column[b])
        chains.append([a, *range(len(column), len(column) + len(between)), b])
        column += between
    links = [pair for chain in chains for pair in pairwise(chain)]
    columns = [[k for k in range(len(column)) if column[k] == c] for c in range(max(column) + 1)]
    y = np.zeros(len(column))
    for sweep in range(40):
        for own in columns if sweep % 2 == 0 else reversed(columns):
            sides = (lambda k: [y[a] for a, b in links if b == k],
                     lambda k: [y[b] for a, b in links if a == k])  # fmt: skip
            want = {k: np.mean(sides[sweep % 2](k) or [y[k]]) for k in own}
            own.sort(key=lambda k: (want[k], k))
            middle = np.mean([want[k] for k in own])
            y[own] = middle + np.arange(len(own)) - (len(own) - 1) / 2
    step = 1.25
    size = (0.3 + step * len(columns), 0.4 + 0.34 * (np.ptp(y) + 1))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size)
        ax = figure.add_axes((0, 0, 1, 1))
        for chain in chains:
            path = [(step * column[chain[0]] + 0.52, y[chain[0]])]
            codes = [mpl.path.Path.MOVETO]
            for k in chain[1:]:
                (x, height), end = path[-1], step * column[k] - 0.56
                path += [((x + end) / 2, height), ((x + end) / 2, y[k]), (end, y[k])]
                codes += [mpl.path.Path.CURVE4] * 3
                if k != chain[-1]:  # between the boxes of its column
                    path.append((end + 1.08, y[k]))
                    codes.append(mpl.path.Path.LINETO)
            shape = mpl.path.Path(path, codes)
            look = {"arrowstyle": "-|>,head_length=3,head_width=1.5", "color": "0.5", "lw": 0.7}
            ax.add_patch(mpl.patches.FancyArrowPatch(path=shape, shrinkA=0, shrinkB=0, **look))
        for k, name in enumerate(names):
            box = {"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "0.2", "lw": 0.7}
            corner = (step * column[k] - 0.52, y[k] - 0.36)
            ax.add_patch(mpl.patches.FancyBboxPatch(corner, 1.04, 0.72, zorder=2, **box))
            ax.text(step * column[k], y[k], name, ha="center", va="center", fontsize=7, zorder=3)
        ax.set(xlim=(-0.7, size[0] - 0.85), ylim=(y.max() + 0.7, y.min() - 0.7))
        ax.set_axis_off()
    return render(figure, "svg")


def page():
    """The page, and its pictures by name."""
    names, arrows = snakemake("--rulegraph")
    reads = {name: [names[a] for a, b in arrows if names[b] == name] for name in names}
    lines = (f"| {name} | {', '.join(reads[name]) or 'none'} |" for name in names)
    jobs = snakemake("--dag")
    text = PAGE.format(rules="\n".join(lines), jobs=len(jobs[0]))
    return text, {"rules": drawn(names, arrows), "jobs": drawn(*jobs)}


if __name__ == "__main__":
    text, pictures = page()
    (ROOT / "docs/graphs.md").write_text(text, encoding="utf-8")
    for name, picture in pictures.items():
        (ROOT / f"docs/figures/{name}.svg").write_bytes(picture)
