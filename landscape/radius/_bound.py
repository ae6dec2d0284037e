"""Branch and bound on a lower loss in the max-norm box of a radius: proof or better point."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.radius._box import Centre, Node, roots
from landscape.radius._relaxation import Relaxed, relax

__all__ = ["BoxAnswer", "BoxOutcome", "search_box"]

Array = NDArray[np.float64]


class BoxOutcome(enum.Enum):
    """How a search ended; the value is a sentence for the user."""

    PROVED = "No point of the box has a lower loss, up to the slack."
    BEATEN = "A point of the box has a lower loss."
    BUDGET = "The budget of nodes was spent first."
    NUMERICS = "A node could not be decided within the slack: the bound is not sharp enough."

    @property
    def sentence(self) -> str:
        """What the outcome means."""
        return self.value


@dataclass(frozen=True)
class BoxAnswer:
    """Answer of a branch and bound.

    Attributes
    ----------
    outcome : BoxOutcome
    n_nodes : int
        Programs solved.
    bound : float
        Proven lower bound of the loss on the box.
    witness : Parametrization or None
        The nearest point found with a loss below the target.
    """

    outcome: BoxOutcome
    n_nodes: int
    bound: float
    witness: Parametrization | None


def search_box(
    centre: Centre,
    radius: float,
    target: float,
    max_nodes: int,
    descend: Callable[[Parametrization, float], Parametrization | None] | None = None,
) -> BoxAnswer:
    """Prove that the loss is at least ``target`` on the box of ``radius``, or find a lower point.

    Parameters
    ----------
    centre : Centre
    radius : float
    target : float
        The loss at the centre minus the slack.
    max_nodes : int
        Convex programs to solve at most.
    descend : callable, optional
        ``descend(start, radius)`` looks for a better point in the box; it is called now and then.
    """
    heap: list[tuple[float, int, Node]] = []
    order = n_nodes = 0
    stuck, proved = False, np.inf
    pending = roots(centre, radius)  # up to 2^m: made one by one, all before their parts
    while True:
        node = next(pending, None)
        parent_bound = 0.0
        if node is None:
            if not heap:
                break
            parent_bound, _, node = heapq.heappop(heap)
        if n_nodes >= max_nodes:
            return BoxAnswer(BoxOutcome.BUDGET, n_nodes, parent_bound, None)
        relaxed = relax(centre, node)
        n_nodes += 1
        bound = max(parent_bound, relaxed.bound)
        if bound >= target:
            proved = min(proved, bound)
            continue
        witness = _candidate(centre, node, relaxed)
        if (
            centre.beaten(witness, target)
            and centre.distance(witness) <= radius * (1 + 1e-9)
            and centre.space.contains(witness)
        ):
            return BoxAnswer(BoxOutcome.BEATEN, n_nodes, bound, witness)
        if descend is not None and n_nodes & (n_nodes - 1) == 0:  # a power of two
            found = descend(witness, radius)
            if found is not None:
                return BoxAnswer(BoxOutcome.BEATEN, n_nodes, bound, found)
        parts = _parts(centre, node, relaxed, target)
        if parts is None:
            stuck = True
            proved = min(proved, bound)
            continue
        for part in parts:
            order += 1
            heapq.heappush(heap, (bound, order, part))
    outcome = BoxOutcome.NUMERICS if stuck else BoxOutcome.PROVED
    return BoxAnswer(outcome, n_nodes, proved, None)


def _parts(centre: Centre, node: Node, relaxed: Relaxed, target: float) -> list[Node] | None:
    """Cut the node where its program is loosest; None if it is not loose anywhere."""
    k, i = np.unravel_index(int(np.argmax(relaxed.gaps)), relaxed.gaps.shape)
    gap = float(relaxed.gaps[k, i])
    norm = _norm_gap(centre, node, relaxed)
    # What a gap can explain of the missing bound: anything smaller is rounding.
    missing = max(target - relaxed.bound, 0.0)
    if gap > 1e-3 * missing / node.side.size or norm is None:
        if gap <= 0:
            return None
        return list(node.by_side(centre, int(k), int(i)))
    neuron, at = norm
    if node.face[neuron] == 0:
        return list(node.by_face(centre, neuron))
    return list(node.by_size(centre, neuron, at))


def _candidate(centre: Centre, node: Node, relaxed: Relaxed) -> Parametrization:
    """The point of the space that the program's solution is nearest to."""
    u, s = relaxed.u, np.maximum(relaxed.s, 0.0)
    if centre.balanced:
        a = np.clip(_weights(u), node.a_low, node.a_high)
        u = a * max_norms(a)[:, None]
    return centre.parametrization(u, s, node.signs, relaxed.e)


def _weights(u: Array) -> Array:
    """The balanced weight vectors of products u."""
    roots = np.sqrt(max_norms(u))
    return u / np.where(roots > 0, roots, 1.0)[:, None]


def _norm_gap(centre: Centre, node: Node, relaxed: Relaxed) -> tuple[int, float] | None:
    """The neuron whose balanced weight vector is farthest outside, and the size at which to cut.

    ``s_i`` itself need not be the norm: where u_i, balanced, is in the node, nothing was relaxed.
    """
    if not centre.balanced:
        return None
    a = _weights(relaxed.u)
    outside = np.maximum(np.maximum(node.a_low - a, a - node.a_high), 0.0).max(axis=1)
    widths = node.s_high - node.s_low
    outside[(widths <= 1e-9 * node.s_high) & (node.face != 0)] = 0.0
    i = int(np.argmax(outside))
    if outside[i] <= 1e-12 * float(node.s_high[i]):
        return None
    margin = 0.2 * widths[i]
    size = float(np.sqrt(max_norms(relaxed.u)[i]))
    return i, float(np.clip(size, node.s_low[i] + margin, node.s_high[i] - margin))
