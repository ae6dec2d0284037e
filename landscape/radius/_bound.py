"""Branch and bound on a lower loss in the max-norm box of a radius: proof or better point."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class BoxAnswer:
    """Answer of a branch and bound: how many programs were solved, and what that showed.

    ``bound`` is a proven lower bound of the loss on the box, ``witness`` the nearest point found
    with a loss below the target.
    """

    outcome: BoxOutcome
    n_nodes: int
    bound: float
    witness: Parametrization | None = None


def search_box(
    centre: Centre,
    radius: float,
    target: float,
    max_nodes: int,
    descend: Callable[[Parametrization, float], Parametrization | None] | None = None,
) -> BoxAnswer:
    """Prove that the loss is at least ``target`` on the box of ``radius``, or find a lower point.

    ``target`` is the loss at the centre minus the slack; at most ``max_nodes`` programs are solved.
    ``descend(start, radius)`` looks for a better point in the box; it is called now and then.
    """
    heap: list[tuple[float, int, Node]] = []
    order = n_nodes = 0
    outcome, proved = BoxOutcome.PROVED, np.inf
    pending = roots(centre, radius)  # up to 2^m: made one by one, all before their parts
    while True:
        node, parent_bound = next(pending, None), 0.0
        if node is None:
            if not heap:
                return BoxAnswer(outcome, n_nodes, proved)
            parent_bound, _, node = heapq.heappop(heap)
        if n_nodes >= max_nodes:
            return BoxAnswer(BoxOutcome.BUDGET, n_nodes, parent_bound)
        relaxed = relax(centre, node)
        n_nodes += 1
        bound = max(parent_bound, relaxed.bound)
        if bound >= target:
            proved = min(proved, bound)
            continue
        point = _candidate(centre, node, relaxed)
        witness = point if centre.better(point, target, radius * (1 + 1e-9)) else None
        if witness is None and descend is not None and n_nodes & (n_nodes - 1) == 0:  # a power of 2
            witness = descend(point, radius)
        if witness is not None:
            return BoxAnswer(BoxOutcome.BEATEN, n_nodes, bound, witness)
        parts = _parts(centre, node, relaxed, target)
        if parts is None:
            outcome, proved = BoxOutcome.NUMERICS, min(proved, bound)
            continue
        for part in parts:
            order += 1
            heapq.heappush(heap, (bound, order, part))


def _parts(centre: Centre, node: Node, relaxed: Relaxed, target: float) -> Iterator[Node] | None:
    """Cut the node where its program is loosest; None if it is not loose anywhere."""
    k, i = np.unravel_index(int(np.argmax(relaxed.gaps)), relaxed.gaps.shape)
    gap = float(relaxed.gaps[k, i])
    norm = _norm_gap(centre, node, relaxed)
    # What a gap can explain of the missing bound: anything smaller is rounding.
    missing = max(target - relaxed.bound, 0.0)
    if gap > 1e-3 * missing / node.side.size or norm is None:
        return node.by_side(centre, int(k), int(i)) if gap > 0 else None
    neuron, at = norm
    face = node.face[neuron]
    return node.by_size(centre, neuron, at) if face else node.by_face(centre, neuron)


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
    return np.asarray(u / np.where(roots > 0, roots, 1.0)[:, None])


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
    margin, size = 0.2 * widths[i], float(np.sqrt(max_norms(relaxed.u)[i]))
    return i, float(np.clip(size, node.s_low[i] + margin, node.s_high[i] - margin))
