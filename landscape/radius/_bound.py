"""The max-norm box of a radius: branch and bound on a lower loss, and a falsifier."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from landscape.objective import Objective, n_biases
from landscape.parametrization import Parametrization, max_norms
from landscape.radius._box import TINY, Centre, Node, roots
from landscape.radius._relaxation import Relaxation
from landscape.rounding import Array
from landscape.verdict import Outcome


class BoxOutcome(Outcome):
    """How a search ended."""

    PROVED = "No point of the box has a lower loss, up to the slack."
    BEATEN = "A point of the box has a lower loss."
    BUDGET = "The budget of nodes was spent first."
    NUMERICS = "A node could not be decided within the slack: the bound is not sharp enough."


@dataclass(frozen=True)
class BoxAnswer:
    """Answer of a branch and bound."""

    outcome: BoxOutcome
    n_nodes: int  #: Programs solved.
    bound: float  #: Proven lower bound of the loss on the box.
    witness: Parametrization | None = None  #: A point found with a loss below the target.


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
        relaxed = Relaxation(centre, node, target)
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


def _parts(centre: Centre, node: Node, relaxed: Relaxation, target: float) -> Iterator[Node] | None:
    """Cut the node where its program is loosest; None if it is not loose anywhere."""
    k, i = np.unravel_index(int(np.argmax(relaxed.gaps)), relaxed.gaps.shape)
    gap = float(relaxed.gaps[k, i])
    # What a gap can explain of the missing bound: anything smaller is rounding.
    missing = max(target - relaxed.bound, 0.0)
    if centre.balanced and gap <= 1e-3 * missing / node.side.size:
        # s_i need not be the norm: where u_i, balanced, is in the node, nothing was relaxed.
        a = Parametrization.from_products(relaxed.u, node.signs).weights
        widths = node.s_high - node.s_low
        outside = np.maximum(np.maximum(node.a_low - a, a - node.a_high), 0.0).max(axis=1)
        outside[(widths <= 1e-9 * node.s_high) & (node.face != 0)] = 0.0
        j = int(np.argmax(outside))
        if outside[j] > 1e-12 * float(node.s_high[j]):
            if node.face[j] == 0:
                return node.by_face(centre, j)
            margin, size = 0.2 * widths[j], float(np.sqrt(max_norms(relaxed.u)[j]))
            at = np.clip(size, node.s_low[j] + margin, node.s_high[j] - margin)
            return node.by_size(centre, j, float(at))
    return node.by_side(centre, int(k), int(i)) if gap > 0 else None


def _candidate(centre: Centre, node: Node, relaxed: Relaxation) -> Parametrization:
    """The point of the space that the program's solution is nearest to."""
    u, s = relaxed.u, np.maximum(relaxed.s, 0.0)
    if centre.balanced:
        a = Parametrization.from_products(u, node.signs).weights
        a = np.clip(a, node.a_low, node.a_high)
        u = a * max_norms(a)[:, None]
    return centre.parametrization(u, s, node.signs, relaxed.e)


@dataclass(frozen=True)
class Falsifier:
    """Searches for a point with a loss below ``target``, by ``n_starts`` descents in each box.

    They start just across the kinks next to the centre, at corners of the box and inside it. What
    they find is evaluated anew as a network.
    """

    centre: Centre
    target: float
    rng: np.random.Generator
    n_starts: int

    def search(self, radius: float) -> Parametrization | None:
        """A better point in the box of ``radius``, None if the search finds none."""
        ends = (self._descend(*start, radius) for start in self._starts(radius))
        return next((found for found in ends if found is not None), None)

    def shrink(self, witness: Parametrization) -> Parametrization:
        """The nearest better point found by descents in smaller and smaller boxes."""
        best, factor = witness, 0.7
        while factor < 0.99:
            found = self.descend_from(best, factor * self.centre.distance(best))
            if found is None:
                factor = np.sqrt(factor) if factor > 0.9 else factor + 0.1
            else:
                best = found
        return best

    def descend_from(self, point: Parametrization, radius: float) -> Parametrization | None:
        """Descend in a box from where the segment to ``point`` leaves it."""
        theta, m = self.centre.theta, len(self.centre.c)
        part = min(1.0, radius / max(self.centre.distance(point), TINY))
        a = theta.weights + part * (point.weights - theta.weights)
        c = theta.output_weights + part * (point.output_weights - theta.output_weights)
        signs = np.where(point.output_weights[:m] < 0, -1.0, 1.0)
        return self._descend(a[:m], np.append(signs * np.abs(c[:m]), c[m:]), signs, radius)

    def _starts(self, radius: float) -> Iterator[tuple[Array, Array, Array]]:
        """Weights, output weights, and signs to keep."""
        centre, rng = self.centre, self.rng
        signs = np.where(centre.c < 0, -1.0, 1.0)
        turnable = radius > np.abs(centre.c)
        norms = np.abs(centre.X).sum(axis=1)
        seen = np.flatnonzero(norms > 0)
        reach = (centre.X[seen] @ centre.a.T) / norms[seen, None]
        near = np.argwhere(np.abs(reach) < radius)
        near = near[np.argsort(np.abs(reach[near[:, 0], near[:, 1]]), kind="stable")]
        for count in range(self.n_starts):
            turned = np.where(turnable & (rng.random(len(signs)) < 0.3), -signs, signs)
            kind, draw, a = count % 4, rng.uniform(-1, 1, centre.a.shape), centre.a.copy()
            if kind == 0:  # corners
                a += radius * np.sign(draw)
            elif kind == 1:  # one neuron alone
                i = rng.integers(len(a))
                a[i] += radius * np.sign(draw[i])
            elif kind == 2 and len(near):  # across some of the nearest kinks
                first = (count // 4) % len(near)
                for k, i in near[[first, *rng.integers(len(near), size=rng.integers(3))]]:
                    step = -1.5 * reach[k, i] * np.sign(centre.X[seen[k]])
                    a[i] = np.clip(a[i] + step, centre.a[i] - radius, centre.a[i] + radius)
            else:
                a += radius * draw
            e = centre.theta.output_weights[len(signs) :] + radius * rng.uniform(-1, 1)
            yield a, np.append(turned * np.abs(centre.c), e), turned

    def _descend(self, a: Array, c: Array, signs: Array, radius: float) -> Parametrization | None:
        """Quasi-Newton descent within the box; a better point of the space, if it ends at one."""
        centre, c0 = self.centre, self.centre.theta.output_weights
        (m, d), inner = a.shape, radius * (1 - 1e-9)
        first = np.arange(m)
        offset = centre.column is not None
        # In N' and N* the decay is that of the products, see below.
        loss = Objective(
            centre.X, centre.y, centre.lower, centre.upper, None, offset, centre.sample_loss,
            None if centre.balanced else centre.weight_decay, n_biases(centre.space),
        )  # fmt: skip
        floor, high = np.where(centre.lower >= 0, 0.0, -np.inf), centre.a + inner
        low = np.minimum(np.maximum(centre.a - inner, floor), high)
        start, ends = a.ravel(), np.array([low.ravel(), high.ravel()])
        if not centre.balanced:
            of_c = np.array([c0 - inner, c0 + inner])
            of_c[:, :m] = np.sort(signs * np.maximum(0.0, signs * of_c[:, :m]), axis=0)
            start, ends = np.append(start, c), np.hstack([ends, of_c])

        def balanced(x: Array) -> tuple[float, Array]:
            weights = x.reshape(m, d)
            at = first, np.abs(weights).argmax(axis=1)
            largest = weights[at]
            sizes = np.abs(largest)
            size, slope = loss.value_and_gradient(np.concatenate([x, signs * sizes]))
            by_a = slope[: m * d].reshape(m, d)
            if centre.decay is not None:
                pulls = weights @ centre.decay.T
                norms = np.linalg.norm(pulls, axis=1)
                size += float(norms @ sizes)
                by_a += (sizes / np.where(norms > 0, norms, 1.0))[:, None] * (pulls @ centre.decay)
                slope[m * d :] += signs * norms
            by_a[at] += slope[m * d :] * signs * np.sign(largest)
            return size, by_a.ravel()

        with np.errstate(over="ignore", invalid="ignore"):  # of a Poisson loss, far away
            result = minimize(
                balanced if centre.balanced else loss.value_and_gradient,
                np.clip(start, *ends),
                jac=True,
                method="L-BFGS-B",
                bounds=ends.T,
                options={"maxiter": 200, "ftol": 1e-13, "gtol": 1e-10},
            )
        if centre.balanced:
            weights = result.x.reshape(m, d)
            sizes = max_norms(weights)
            found = centre.parametrization(weights * sizes[:, None], sizes, signs, 0.0)
        else:
            found = loss.unpack(result.x)
        return found if centre.better(found, self.target, radius) else None
