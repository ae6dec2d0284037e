"""Activation regions with bad local minima.

For fixed output weights the parameter space falls into regions, one for each choice of the samples
that each neuron sees. Most regions of wide enough networks are said to hold no bad local minimum,
at points where the loss is differentiable (bad: higher than another minimum with as many positive
output weights). An atlas lists all local minima of small problems, also those on the borders of
regions. How many regions have bad ones?
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from landscape.atlas import make_atlas
from landscape.claims.registry import Claim, Effort, Found, Source, claim, judged
from landscape.spaces import RestrictedSpace
from landscape.verdict import Judgement

KARHADKAR = Source(
    "Karhadkar, Murray, Tseran, Montufar 2023", "arXiv:2305.19510", "abstract and reviews"
)

CAPTION = """Mean share of activation regions, over random data with one input, that hold a bad
local minimum in their interior, and of those that have one in their closure; networks with biases,
fixed output weights ±1 and no offset. Bars: range over the data sets."""


class Share(NamedTuple):
    """Shares of regions with bad local minima, inside and in the closure, of one data set."""

    n: int
    width: int
    inside: float
    closure: float
    regions: int
    complete: bool


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    sizes = {4: effort.of(3, 2), 5: effort.of(2, 0)}
    found = []
    for n, widest in sizes.items():
        for data in range(effort.of(5, 2)):
            rng = effort.rng("regions", n, data)
            x, y = rng.standard_normal((n, 1)), rng.standard_normal(n)
            for width in range(1, widest + 1):
                atlas = make_atlas(x, y, space=RestrictedSpace(3, width))
                bad, touched, regions = atlas.bad_regions()
                share = bad / regions, touched / regions
                found.append(Share(n, width, *share, regions, atlas.complete))
    # Undecided faces would make shares lower bounds: such data are left out, and counted.
    complete = [share for share in found if share.complete]
    claims = _claims(effort, complete, len(found) - len(complete))
    return Found([*claims], partial(_draw, complete))


def _claims(effort: Effort, found: list[Share], left_out: int) -> Iterator[Claim]:
    data = (
        "Gaussian data with one input, n = "
        f"{' and '.join(str(n) for n in sorted({s.n for s in found}))}, "
        f"{effort.of(5, 2)} sets each; {effort.seeded}."
    )
    computation = (
        "Atlases: all local minima with fixed output weights, all choices of signs, modulo "
        "permutations; regions "
        f"counted the same way. {left_out} atlases that are not complete are left out."
    )
    for key, name, statement in (
        (
            "inside",
            "bad-differentiable-minima",
            "Most activation regions hold no bad differentiable local minimum.",
        ),
        (
            "closure",
            "bad-minima-on-borders",
            "The same with local minima on borders, where the loss is not differentiable.",
        ),
    ):
        texts, spreads, wide = [], [], []
        for n in sorted({share.n for share in found}):
            for width in sorted({share.width for share in found if share.n == n}):
                own = [getattr(s, key) for s in found if (s.n, s.width) == (n, width)]
                texts.append(f"n = {n}, width {width}: {100 * np.mean(own):.3g} %")
                spreads.append(f"{100 * min(own):.3g} to {100 * max(own):.3g}")
            wide.append(float(np.mean(own)))
        most = max(wide) < 0.5
        yield claim(
            effort, KARHADKAR, "regions", name,
            statement=statement,
            data=data,
            computation=computation,
            predicted="less than half of the regions of the widest networks",
            measured="; ".join(texts),
            uncertainty=f"ranges over the data sets: {', '.join(spreads)} %",
            verdict=judged(most, Judgement.REFUTED if key == "inside" else Judgement.CORRECTED),
            note="What the source claims."
            if key == "inside"
            else "Regions that have a bad local minimum in their closure; reviewers of the source "
            "asked for them. Where most have one, the correction is the word differentiable.",
        )  # fmt: skip


def _draw(found: list[Share]) -> Any:
    from matplotlib.figure import Figure

    sizes = sorted({share.n for share in found})
    figure = Figure(figsize=(3.2 * len(sizes), 3.2), layout="constrained")
    for axes, n in zip(
        np.atleast_1d(figure.subplots(1, len(sizes), sharey=True)), sizes, strict=True
    ):
        widths = sorted({share.width for share in found if share.n == n})
        for key, label, style in (("inside", "inside", "o-"), ("closure", "in the closure", "s--")):
            values = [
                np.array([getattr(s, key) for s in found if (s.n, s.width) == (n, w)])
                for w in widths
            ]
            mean = np.array([v.mean() for v in values])
            errors = [mean - [v.min() for v in values], [v.max() for v in values] - mean]
            axes.errorbar(widths, mean, errors, fmt=style, capsize=3, label=label)
        axes.set(xlabel="neurons", title=f"n = {n}", ylim=(-0.03, 1.03), xticks=widths)
    figure.axes[0].set_ylabel("regions with a bad local minimum")
    figure.axes[-1].legend(frameon=False)
    return figure
