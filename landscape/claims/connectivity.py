"""Sublevel sets of wide networks.

From which width on are all sublevel sets of the loss connected, and from which on is no valley
spurious? Exact merge trees decide it for each data set, modulo permutations of the neurons; where
one neuron less reaches the same least loss, Theorem 34 carries connectedness over to parameters
without identification.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.rounding import Array
from landscape.spaces import BalancedSpace, make_space
from landscape.trees import MergeTree, merge_tree
from landscape.verdict import Judgement

VENTURI = Source("Venturi, Bandeira, Bruna 2019", "arXiv:1802.06384", "abstract")
NGUYEN = Source("Nguyen 2021", "arXiv:2101.08576", "abstract and introduction")

CAPTION = """Shares of data sets whose sublevel sets are all connected, and of those without a
spurious valley, by the width of the network relative to the number n of samples; networks with
biases, with an output offset and without."""


#: Least losses that differ by less than this share of the target's mean square count as equal.
TIE = 1e-9


class Width(NamedTuple):
    """What the merge tree of one data set at one width says."""

    data: int
    n: int
    offset: bool
    width: int
    valleys: int
    spurious: int
    same: bool  #: Whether one neuron less reaches the same least loss.
    positive: int  #: Positive output weights at the lowest point.

    @property
    def connected(self) -> bool:
        """Whether all sublevel sets are, without identifying permutations (Theorem 34)."""
        return self.valleys == 1 and self.same

    @property
    def disconnected(self) -> bool:
        """Whether some sublevel set is not (Theorem 34)."""
        return self.valleys > 1 or (not self.same and 0 < self.positive < self.width)


def tree_of(x: Array, y: Array, width: int, offset: bool) -> MergeTree:
    """The merge tree of networks with biases, with an output offset or without."""
    p = x.shape[1]
    space = make_space("unrestricted", p, width) if offset else BalancedSpace(p + 2, width)
    return merge_tree(x, y, space=space)


def data_sets(effort: Effort) -> Iterator[tuple[Array, Array]]:
    """Small random data, gaussian or integers, of one or two inputs, and rows of Linnerud's."""
    shapes = [(3, 1)] * effort.of(20, 2) + [(4, 1)] * effort.of(20, 1) + [(4, 2)] * effort.of(4, 0)
    shapes += [(5, 1)] * effort.of(4, 0)
    for k, shape in enumerate(shapes):
        rng = effort.rng("connectivity", k)
        x: Array = rng.standard_normal(shape)
        y: Array = rng.standard_normal(shape[0])
        if k % 2:
            x = np.array([*x[:, 1:].T, rng.permutation(7)[: len(x)] - 3.0]).T
            y = rng.integers(-3, 4, len(x)).astype(np.float64)
        yield x, y
    from sklearn.datasets import load_linnerud

    chins, weights = (part[:, 0] for part in load_linnerud(return_X_y=True))
    for k in range(effort.of(3, 0)):
        x, y = chins[4 * k : 4 * k + 4], weights[4 * k : 4 * k + 4]
        yield ((x - x.mean()) / x.std()).reshape(-1, 1), (y - y.mean()) / y.std()


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    found: list[Width] = []
    for data, (x, y) in enumerate(data_sets(effort)):
        for offset in (False, True):
            least = np.inf
            for width in range(1, len(x) + 2):
                tree = tree_of(x, y, width, offset)
                loss = float(tree.pairs[0, 0])
                same = least <= loss + TIE * float(np.mean(y**2))
                valleys = len(tree), int(tree.spurious.sum())
                positive = int(tree.positive[0])
                found.append(Width(data, len(x), offset, width, *valleys, same, positive))
                least = loss
    return Found([*_claims(effort, found), _example(effort)], partial(_draw, found))


def _claims(effort: Effort, found: list[Width]) -> Iterator[Claim]:
    count = found[-1].data + 1
    data = (
        f"{count} data sets of 3 to 5 samples: random ones of 1 or 2 inputs, gaussian and integer, "
        "and rows of "
        f"Linnerud's; networks with biases, with an output offset and without; {effort.seeded}."
    )
    computed = "Merge trees of the loss at all widths from 1 to n + 1."
    wide = [w for w in found if w.width >= w.n]
    good = sum(w.spurious == 0 for w in wide)
    yield claim(
        effort, VENTURI, "connectivity", "no-spurious-valley-at-width-n",
        statement="A network as wide as the dimension of the functions that its neurons span has "
        "no spurious valley; on n "
        "samples that dimension is at most n.",
        data=data,
        computation=computed,
        predicted="no spurious valley at widths n and n + 1",
        measured=f"none at {good} of {len(wide)} pairs of data and width",
        uncertainty=interval(good, len(wide)),
        verdict=judged(good == len(wide)),
    )  # fmt: skip
    narrow = [w for w in found if w.width < w.n]
    bad = [w for w in narrow if w.spurious]
    most = max(((w.width - w.n, w.n, w.data) for w in bad), default=None)
    yield claim(
        effort, VENTURI, "connectivity", "spurious-valleys-below-n",
        statement="Narrower networks have spurious valleys on some data.",
        data=data,
        computation=computed,
        predicted="some below width n",
        measured=f"{len(bad)} of {len(narrow)} pairs have some"
        + (f"; the widest has width n - {-most[0]} with n = {most[1]}" if most else ""),
        uncertainty=interval(len(bad), len(narrow)),
        verdict=judged(bool(bad), Judgement.UNDECIDED),
    )  # fmt: skip
    last = [w for w in found if w.width == w.n + 1]
    good = sum(w.connected for w in last)
    yield claim(
        effort, NGUYEN, "connectivity", "connected-at-width-n-plus-1",
        statement="All sublevel sets are connected if a layer has n + 1 neurons.",
        data=data,
        computation=f"{computed} Permutations by Theorem 34.",
        predicted="connected at width n + 1",
        measured=f"connected on {good} of {len(last)}",
        uncertainty=interval(good, len(last)),
        verdict=judged(good == len(last)),
        note="ReLU is outside the assumptions on activations that were read; the statement holds "
        "here all the same.",
    )  # fmt: skip
    for offset, own in ((False, "without"), (True, "with")):
        at = [w for w in found if w.width == w.n and w.offset is offset]
        good, bad_ones = sum(w.connected for w in at), sum(w.disconnected for w in at)
        verdict = judged(bad_ones > 0, Judgement.UNDECIDED)
        yield claim(
            effort, NGUYEN, "connectivity", f"width-n-{own}-offset",
            statement="With two layers and width n the sublevel sets may be disconnected.",
            data=data,
            computation=f"{computed} Networks {own} an output offset, width n.",
            predicted="disconnected on some data"
            if not offset
            else "The source was not read for output offsets.",
            measured=f"connected on {good} of {len(at)} data sets, disconnected on {bad_ones}",
            uncertainty=f"disconnected: {interval(bad_ones, len(at))}",
            verdict=verdict,
            note="The row below has an example in rationals."
            if not offset
            else "No example was found among these data: an output offset acts as one more neuron.",
        )  # fmt: skip


def _example(effort: Effort) -> Claim:
    x, y = np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0])
    one, two = (merge_tree(x, y, space=BalancedSpace(3, m), exact=True) for m in (1, 2))
    alone, least = one.exact_pairs[0][0], two.exact_pairs[0][0]
    return claim(
        effort, NGUYEN, "connectivity", "width-n-smallest-example",
        statement="The smallest data on which width n is too little.",
        data="Samples (-1, -1), (1, 1), two ReLUs with biases, no offset; exact.",
        computation="Least loss of one and of two neurons, by exact merge trees.",
        predicted="Below the least loss of one neuron no neuron can pass through zero, so no "
        "output weight changes its "
        "sign. Both signs are needed, so (+, -) and (-, +) are not connected.",
        measured=f"least loss {alone} with one neuron, {least} with two: sublevel sets are "
        f"disconnected below {alone}",
        verdict=judged(least == 0 < alone),
        note="Modulo permutations they are connected: the two parts are the same networks with the "
        "neurons exchanged.",
    )  # fmt: skip


def _draw(found: list[Width]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.2), layout="constrained")
    for axes, offset in zip(figure.subplots(1, 2, sharey=True), (False, True), strict=True):
        own = [w for w in found if w.offset is offset]
        steps = sorted({w.width - w.n for w in own})
        for name, good in (
            ("connected", lambda w: w.connected),
            ("no spurious valley", lambda w: not w.spurious),
        ):
            at = [[good(w) for w in own if w.width - w.n == step] for step in steps]
            axes.plot(
                steps,
                [np.mean(part) for part in at],
                "o-" if name == "connected" else "s--",
                label=name,
            )
        axes.set_xticks(steps, [f"n{step:+d}" if step else "n" for step in steps])
        axes.set(xlabel="width", title="with an offset" if offset else "without an offset")
    figure.axes[0].set(ylabel="share of data sets", ylim=(-0.05, 1.05))
    figure.axes[0].legend(frameon=False)
    return figure
