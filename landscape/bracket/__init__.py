"""How low can the loss be? A bracket of the global minimum at a given width, by branch and bound.

A *node* says in which cone the products ``u_i`` of each neuron lie; neurons of one sign in the same
cone are one group, so that permutations cost nothing. Samples that are on one side of a cone see
its neurons linearly; what is left is a convex problem, whose value bounds the loss from below
(Theorem 24), and whose solution is a network with a loss above. The node
with the lowest bound is cut at the sample where the two differ most. With one input the cones are
intervals of the kinks, and samples in an interval count with the loss of that many affine pieces.
"""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import chain, combinations, combinations_with_replacement
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.bracket._hinges import Hinges
from landscape.bracket._rational import LineBound
from landscape.bracket._width import WidthFreeBound, repeated_loss, width_free_bound
from landscape.descent import descend
from landscape.effective import EffectiveProblem, State
from landscape.errors import NUMERICAL_ERRORS
from landscape.exact import echelon, integer_vector, round_down, round_up
from landscape.minima import Certificate, certify_minimum
from landscape.parametrization import Parametrization
from landscape.rational import RationalFunction
from landscape.rounding import Bounded, gamma
from landscape.spaces import RestrictedSpace, Space
from landscape.streams import stream
from landscape.units import powers_of_two
from landscape.verdict import Outcome

__all__ = [
    "BracketOutcome",
    "GlobalBracket",
    "WidthFreeBound",
    "bracket_global_minimum",
    "width_free_bound",
]

Array = NDArray[np.float64]

#: Nodes whose bound is within this share of the target's sum of squares of the best loss are done.
TOLERANCE = 1e-9
#: Different inputs nearer than this share of their range are not told apart by the lower end.
NEAR = 1e-7
#: So many sets of samples are looked through for those that nearly depend on others.
SUBSETS = 300_000
#: Of a neuron's values, on the wrong side of a kink: it is not told apart from an affine one.
ROUNDED = 1e-12
#: Kinks of a start are exchanged so often at most; a few times do.
SWEEPS = 50
#: From so many of the lowest ends neurons are exchanged, each for so many hinges, as long as the
#: loss falls by this share.
LOWEST, BEST, WORTH = 3, 6, 1e-9
#: One input: with more points than this the tables of piecewise fits take too long.
POINTS = 2000
#: A proof in rationals is for so many samples and kinks at most.
PROVED, PROVED_KINKS = 30, 2
#: Nodes that are branched before the best loss is updated, and bytes of open ones.
BATCH, ROOM = 512, 2**30


class BracketOutcome(Outcome):
    """Why the search ended."""

    CLOSED = "no open node is left: both ends are the global minimum, up to the tolerance"
    TIME = "the time limit was reached; resume= goes on"
    NODES = "the node limit was reached; resume= goes on"
    MEMORY = "the open nodes reached the memory that they may take"
    INTERRUPTED = "interrupted; resume= goes on"
    ROUNDING = "rounding leaves nodes open that cannot be cut further"


@dataclass(frozen=True, eq=False)
class GlobalBracket:
    """Both ends of the least loss on a space, and how they were found."""

    #: Mean squared error of ``network``, rounded up: the exact one is no larger.
    upper: float
    #: No network of the space has a smaller mean squared error. Found in floating point, it is less
    #: by `TOLERANCE` of the target's mean square; see ``proved``.
    lower: float
    network: Parametrization  #: The best network that was found, in the space.
    #: Of the network, as a local minimum; None if the search for one reached limits of rounding,
    #: or the kinks were counted.
    certificate: Certificate | None
    outcome: BracketOutcome  #: Why the search ended.
    method: str  #: How the lower end was found.
    n_nodes: int  #: Nodes of the search for which a bound was computed.
    n_open: int  #: Nodes that were left when it ended; 0 if it is complete.
    #: Whether both ends are those of a proof in rational arithmetic: ``upper`` is the exact loss of
    #: ``network``, rounded up, ``lower`` what Theorem 42 says, rounded down.
    proved: bool
    _search: Any = field(repr=False)

    @property
    def gap(self) -> float:
        """``upper - lower``."""
        return self.upper - self.lower

    def __str__(self) -> str:
        return (
            f"global minimum in [{self.lower:.6g}, {self.upper:.6g}], {self.n_nodes} nodes: "
            f"{self.outcome.sentence}"
        )


def bracket_global_minimum(
    features: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    n_positive: int | None = None,
    n_kinks: int | None = None,
    time_limit: float = 60.0,
    node_limit: int | None = None,
    n_starts: int = 10,
    seed: int = 0,
    network: Parametrization | None = None,
    proof: str | None = None,
    resume: GlobalBracket | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> GlobalBracket:
    """A bracket of the least mean squared error on a space, by branch and bound.

    Parameters
    ----------
    features : array_like of shape (n, p)
        As the space embeds them, p >= 1.
    y : array_like of shape (n,)
    space : Space
        N* (without an upper bound), N' or N, with or without an offset. The infimum is the same on
        a space and on its closure.
    n_positive : int, optional
        N* only: of the networks with so many positive output weights; all if not given.
    n_kinks : int, optional
        One input and N with an offset only, fewer than neurons: of the networks with at most so
        many kinks between inputs, the other neurons affine there. These are all continuous
        piecewise linear functions with so many breakpoints; as minima they are not certified.
    time_limit : float
        Seconds. Results depend on it; not on the time, with a ``node_limit`` that is reached first.
    node_limit : int, optional
        Nodes that are bounded.
    n_starts : int
        Descents from random networks, for a good upper end from the start on; with one input from
        random ones as kinks, each of which is exchanged for better ones first.
    seed : int
        Of the random networks.
    network : Parametrization, optional
        One of the space: a descent begins there as well.
    proof : {"rational"}, optional
        Of a closed bracket the ends are computed again in rational arithmetic (Theorem 42), from
        bounds of all leaves. One input, at most 30 samples, 2 neurons or kinks.
    resume : GlobalBracket, optional
        Goes on where that search ended; it has to be of the same problem.
    progress : callable
        Receives a line of text now and then.

    Returns
    -------
    bracket : GlobalBracket
        Ctrl-C ends the search, not the call.

    Raises
    ------
    ValueError
        If the data do not fit the space, or ``resume`` is of another problem.

    Examples
    --------
    >>> from landscape.spaces import BalancedSpace
    >>> x, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0.0, 0.0, 1.0, 0.0, 0.0]
    >>> bracket = bracket_global_minimum(x, y, space=BalancedSpace(3, 1))
    >>> round(bracket.upper, 6), bracket.gap < 1e-8, bracket.outcome.name
    (0.16, True, 'CLOSED')
    """
    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    problem = EffectiveProblem.over(space, x, target)
    fixed = isinstance(space, RestrictedSpace)
    if n_positive is not None and not (fixed and 0 <= n_positive <= space.n_neurons):
        raise ValueError(
            f"n_positive: signs are fixed in N* only, from 0 to {space.n_neurons}; got "
            f"{n_positive!r} for {space!r}"
        )
    if proof not in (None, "rational"):
        raise ValueError(f"proof: expected 'rational' or None, got {proof!r}")
    classes = list(range(len(problem.signs) + 1)) if n_positive is None else [n_positive]
    if resume is None:
        search = _Search(space, x, target, problem, classes, n_kinks)
        if network is not None:
            if violations := space.violations(network):
                raise ValueError(f"network: not in the space: {violations[0].message}")
            search.improve(network, far=False)
        if n_kinks is not None or search.network is None:
            search.improve(search.constant(), far=False)
        if n_positive is None and isinstance(search.nodes, _Line):
            search.exchanges(n_starts, seed)
        else:
            search.descents(n_starts, seed)
    else:
        search = resume._search
        same = search.space == space and search.classes == classes and search.n_kinks == n_kinks
        if not (same and np.array_equal(search.x, x) and np.array_equal(search.y, target)):
            raise ValueError("resume: expected a bracket of the same features, y, space and class")
    if proof is not None:
        search.check_proof()
    outcome = search.run(time_limit, node_limit, progress)
    bracket = search.bracket(outcome)
    return bracket if proof is None else search.prove(bracket)


class _Search:
    """Open nodes in a heap, their arrays, and the best network so far; sums are in own units."""

    def __init__(
        self,
        space: Space,
        x: Array,
        y: Array,
        problem: EffectiveProblem,
        classes: list[int],
        n_kinks: int | None,
    ) -> None:
        problem, exact = problem.in_own_units(), problem.X
        self.space, self.x, self.y, self.problem, self.classes = space, x, y, problem, classes
        self.inputs = space.embed(x)
        self.n, self.m, self.n_kinks = len(y), len(problem.signs), n_kinks
        self.square = float(problem.y @ problem.y)
        self.factor = problem.unit**2 / self.n  # from sums of squares to losses
        self.least = np.inf
        self.network: Parametrization | None = None
        self.closed, self.tried, self.n_nodes = np.inf, np.inf, 0
        line = exact.shape[1] == 2 and bool((exact[:, 1] == 1).all())
        line = line and 2 < len(np.unique(exact[:, 0])) <= POINTS
        if n_kinks is not None and not (
            line and problem.column is not None and 0 <= n_kinks < self.m
        ):
            raise ValueError(
                f"n_kinks: expected less than n_neurons={self.m}, in N with an offset, and one "
                f"input of 3 to {POINTS} different values; got {n_kinks!r} for {space!r}"
            )
        self.nodes: _Line | _Cones = (
            _Line(problem, exact, classes, n_kinks) if line else _Cones(problem, exact, classes)
        )
        self.heap = [(0.0, k, k) for k in range(len(self.nodes.arrays[0]))]
        self.number, self.free = len(self.heap), list[int]()
        heapq.heapify(self.heap)

    @property
    def cutoff(self) -> float:
        """A node whose bound reaches it holds nothing that is lower by more than the tolerance."""
        return self.least - TOLERANCE * self.square

    def descents(self, n_starts: int, seed: int) -> None:
        """The best of descents from random networks."""
        for k in range(n_starts):
            rng = stream(seed, "bracket", k)
            fixed = {"n_positive": int(rng.choice(self.classes))}
            self.improve(self.space.sample(rng, **fixed), far=True)

    def exchanges(self, n_starts: int, seed: int) -> None:
        """The best of descents from kinks at inputs, none of which another one would better.

        From the lowest ends single neurons are exchanged for hinges as long as that pays.
        """
        hinges = Hinges(self.problem, self.n_kinks)
        count, tried = min(hinges.most, len(hinges.rows)), set()
        ends: list[tuple[float, Parametrization]] = []
        for k in range(n_starts):
            chosen = stream(seed, "bracket", k).choice(len(hinges.rows), count, replace=False)
            for _ in range(SWEEPS):
                before = chosen.tolist()
                for j in range(count):
                    gains = hinges.gains(hinges.columns[:, np.delete(chosen, j)])
                    if gains.max() > gains[chosen[j]] * (1 + ROUNDED):
                        chosen[j] = gains.argmax()
                if chosen.tolist() == before:
                    break
            if (found := tuple(sorted(chosen.tolist()))) not in tried:
                tried.add(found)
                ends.append(self._from_hinges(hinges, hinges.rows[list(found)]))
        ends.sort(key=lambda end: end[0])
        for least, network in ends[:LOWEST] if self.n_kinks is None else []:
            before = np.inf
            while least < (1 - WORTH) * before:
                before, rows = least, self.problem.at(network).state().u
                for j in range(self.m):
                    others = np.delete(rows, j, axis=0)
                    for k in np.argsort(-hinges.gains(hinges.columns_of(others)))[:BEST]:
                        end = self._from_hinges(hinges, np.vstack([others, hinges.rows[k]]))
                        if end[0] < least:
                            least, network = end

    def _from_hinges(self, hinges: Hinges, rows: Array) -> tuple[float, Parametrization]:
        """Descend from the best combination of hinges."""
        u, signs, e = hinges.combine(rows, self.m)
        return self.improve(self._network(u, signs, e), far=False)

    def improve(self, theta: Parametrization, *, far: bool) -> tuple[float, Parametrization]:
        """Descend from a network, keep the best, and give the last, with its sum of squares."""
        ends = [theta]
        with suppress(*NUMERICAL_ERRORS):
            ends += [descend(theta, self.inputs, self.y, space=self.space, far=far).parametrization]
        found = [(self._loss(end) / self.factor, end) for end in ends]
        for loss, end in reversed(found):
            if (self.network is None or loss < self.least) and self._belongs(end):
                self.least, self.network = loss, end
        return found[-1]

    def _loss(self, theta: Parametrization) -> float:
        """The mean squared error and its rounding: the exact one is not larger."""
        z = (Bounded.exact(theta.weights) @ self.inputs.T).T
        r = z.relu() @ theta.output_weights + Bounded.exact(-self.y)
        return float((r.size**2).mean()) * (1 + gamma(self.n + 8))

    def _belongs(self, theta: Parametrization) -> bool:
        """Whether few enough neurons have inputs on both sides of their kinks."""
        if self.n_kinks is None:
            return True
        values = self.inputs @ theta.products[: self.m].T
        zero = ROUNDED * np.abs(values).max(axis=0)
        crossed = (values > zero).any(axis=0) & (values < -zero).any(axis=0)
        return int(crossed.sum()) <= self.n_kinks

    def constant(self) -> Parametrization:
        """The network of an offset alone."""
        return self._theta(np.zeros((self.m + 1, self.problem.X.shape[1] + 1)))

    def run(
        self, time_limit: float, node_limit: int | None, progress: Callable[[str], None]
    ) -> BracketOutcome:
        """Branch the lowest nodes until none is open, or a limit is reached."""
        self._branch([])  # compiles, before the time counts
        start, told = time.monotonic(), time.monotonic()
        room = ROOM // self.nodes.size
        try:
            while self.heap and self.heap[0][0] < self.cutoff:
                now = time.monotonic()
                if now - start > time_limit:
                    return BracketOutcome.TIME
                if node_limit is not None and self.n_nodes >= node_limit:
                    return BracketOutcome.NODES
                if len(self.heap) > room:
                    return BracketOutcome.MEMORY
                if now - told > 5:
                    told = now
                    progress(str(self.bracket(BracketOutcome.TIME, certify=False)))
                self._step()
        except KeyboardInterrupt:
            return BracketOutcome.INTERRUPTED
        self.heap.clear()
        exact = self.closed >= self.least - 10 * TOLERANCE * self.square
        return BracketOutcome.CLOSED if exact else BracketOutcome.ROUNDING

    def _branch(self, slots: list[int]) -> tuple[Any, ...]:
        """Children of nodes, how many, and what else `expand` returns."""
        parents = tuple(array[slots] for array in self.nodes.arrays)
        children = tuple(
            np.zeros((len(slots) * (self.m + 1), *array.shape[1:]), dtype=array.dtype)
            for array in parents
        )
        best = np.zeros((self.m + 1, self.problem.X.shape[1] + 1))
        return children, best, *self.nodes.expand(parents, self.cutoff, children, best)

    def _step(self) -> None:
        taken = [heapq.heappop(self.heap) for _ in range(min(BATCH, len(self.heap)))]
        slots = [slot for bound, _, slot in taken if bound < self.cutoff]
        self.free += [slot for _, _, slot in taken]
        children, best, count, bounded, closed, least = self._branch(slots)
        self.n_nodes += bounded
        self.closed = min(self.closed, closed)
        if least < min(self.cutoff, self.tried - TOLERANCE * self.square):
            self.tried = least  # on the samples that count below; not the loss, if some do not
            self.improve(self._theta(best), far=False)
        kept = np.flatnonzero(children[0][:count] < self.cutoff)
        while len(self.free) < len(kept):
            self.free += self.nodes.grow()
        slots = [self.free.pop() for _ in kept]
        for array, child in zip(self.nodes.arrays, children, strict=True):
            array[slots] = child[kept]
        for bound, slot in zip(children[0][kept].tolist(), slots, strict=True):
            self.number += 1
            heapq.heappush(self.heap, (bound, self.number, slot))

    def _theta(self, best: Array) -> Parametrization:
        """The network of `expand`'s ``best``: one neuron of each group, the others silent."""
        copies = best[:-1, -1].astype(int)
        u, signs, at = np.zeros((self.m, best.shape[1] - 1)), np.ones(self.m), 0
        for row, count in zip(best[:-1][copies != 0], copies[copies != 0], strict=True):
            u[at], signs[at : at + abs(count)] = row[:-1], np.sign(count)
            at += abs(count)
        return self._network(u, signs, float(best[-1, 0]))

    def _network(self, u: Array, signs: Array, e: float) -> Parametrization:
        problem = replace(self.problem, signs=signs, theta=self._any(signs))
        return problem.parametrization(State(u, e))

    def _any(self, signs: Array) -> Parametrization:
        """A network with these signs, whose sizes an unrestricted one takes over."""
        theta = self.problem.theta
        own = theta.output_weights.copy()
        own[: self.m] = signs
        return Parametrization(theta.weights, own)

    def bracket(self, outcome: BracketOutcome, *, certify: bool = True) -> GlobalBracket:
        """What is known now."""
        assert self.network is not None
        certificate = None
        if certify and self.n_kinks is None:
            with suppress(*NUMERICAL_ERRORS):
                certificate = certify_minimum(self.network, self.inputs, self.y, space=self.space)
        bounds = [self.cutoff, self.closed, *(bound for bound, _, _ in self.heap[:1])]
        lower = max(min(bounds), repeated_loss(self.x, self.y) / self.factor, 0.0)
        return GlobalBracket(
            upper=self.least * self.factor,
            lower=lower * self.factor,
            network=self.network,
            certificate=certificate,
            outcome=outcome,
            method=self.nodes.method,
            n_nodes=self.n_nodes,
            n_open=len(self.heap),
            proved=False,
            _search=self,
        )

    def check_proof(self) -> None:
        """Refuse what is too large for a proof."""
        kinks = self.m if self.n_kinks is None else self.n_kinks
        if not isinstance(self.nodes, _Line) or self.n > PROVED or kinks > PROVED_KINKS:
            raise ValueError(
                f"proof: rational proofs are for one input with 3 different values or more, at "
                f"most {PROVED} samples and {PROVED_KINKS} neurons or kinks; got {self.n} samples "
                f"of {self.x.shape[1]} inputs and {kinks}"
            )

    def prove(self, bracket: GlobalBracket) -> GlobalBracket:
        """Both ends in rational arithmetic, if the bracket is closed."""
        if bracket.outcome is not BracketOutcome.CLOSED:
            return replace(bracket, method=f"{bracket.method}; not proved, as it is not closed")
        assert isinstance(self.nodes, _Line)
        function = RationalFunction.from_parametrization(bracket.network)
        rows, targets = self.inputs.tolist(), list(map(Fraction, self.y.tolist()))
        pairs = zip(rows, targets, strict=True)
        squares = [(function.value(tuple(map(Fraction, x))) - t) ** 2 for x, t in pairs]
        upper = sum(squares, Fraction(0))
        enough = upper - 2 * Fraction(TOLERANCE) * sum(t * t for t in targets)
        exact = LineBound(self.x[:, 0], self.y, self.m, offset=self.nodes.offset)
        propose = partial(self.nodes.propose, self.cutoff)
        lower, leaves = exact.lower_end(self.nodes.roots, enough, propose)
        return replace(
            bracket,
            upper=round_up(upper / self.n),
            lower=round_down(min(lower, upper) / self.n),
            method=f"{leaves} leaves of branch and bound, in rational arithmetic (Theorem 42)",
            proved=True,
        )


class _Nodes:
    """Arrays of nodes, the bounds first, and the kernel that branches them."""

    arrays: list[NDArray[Any]]
    method: str

    @property
    def size(self) -> int:
        """Bytes of a node."""
        return sum(array[0].nbytes for array in self.arrays)

    def grow(self) -> list[int]:
        """Twice the room; returns the new places."""
        old = len(self.arrays[0])
        self.arrays = [np.concatenate([array, np.zeros_like(array)]) for array in self.arrays]
        return list(range(2 * old - 1, old - 1, -1))


class _Cones(_Nodes):
    """Any number of inputs: cones by their generators."""

    def __init__(self, problem: EffectiveProblem, exact: Array, classes: list[int]) -> None:
        from landscape.bracket import _kernels

        kept, complete = _separate(problem.X, exact)
        self.method = "branch and bound over cones of weight vectors, in floating point"
        if not kept.all():
            self.method += f"; {np.sum(~kept)} samples nearly depend on others and are left out"
        if not complete:
            self.method += "; not looked for: samples that nearly depend on others"
        X, y, (n, d) = problem.X[kept], problem.y[kept], problem.X[kept].shape
        m, largest = len(problem.signs), np.linalg.norm(X, axis=1).max() or 1.0
        room = {1: 4, 2: 8, 3: 16}.get(d, 64)
        generators = np.zeros((len(classes), m, room, d))
        counts = np.zeros((len(classes), m, 4), dtype=np.int64)
        for k, positive in enumerate(classes):
            pairs = [pair for pair in ((1, positive), (-1, m - positive)) if pair[1]]
            for q, (sign, copies) in enumerate(pairs):
                generators[k, q, :d], counts[k, q] = np.eye(d), (d, 0, sign, copies)
        offset = np.zeros(n) if problem.column is None else problem.column[kept] / largest
        centre = int(np.argsort(X[:, 0], kind="stable")[n // 2])
        branches = np.tile(np.array([0, centre]), (len(classes), 1))
        self.arrays = [np.zeros(len(classes)), generators, counts, branches]
        self._data = X / largest, y, offset, centre
        self._largest, self._expand = largest, _kernels.expand

    def expand(self, parents: Any, cutoff: float, children: Any, best: Array) -> Any:
        """See the kernel; products come in the problem's units."""
        found = self._expand(parents, *self._data, cutoff, children, best)
        best[:, :-1] /= self._largest
        return found


class _Line(_Nodes):
    """One input: intervals of kinks."""

    def __init__(
        self, problem: EffectiveProblem, exact: Array, classes: list[int], n_kinks: int | None
    ) -> None:
        from landscape.bracket import _kernels_line as kernels

        m, y = len(problem.signs), problem.y
        inputs = exact[:, 0] / powers_of_two(np.abs(exact[:, 0]).max())
        points, place = np.unique(inputs, return_inverse=True)
        self.method = "branch and bound over intervals of kinks, rounding charged (Theorem 30)"
        weights = np.bincount(place).astype(float)
        means = np.bincount(place, y) / weights
        spreads = np.bincount(place, (y - means[place]) ** 2)
        values, n = np.column_stack([weights, means, spreads]), len(points)
        runs, least = np.zeros((n, n + 1, 5)), np.zeros((m + 1, n + 1, n + 1))
        kernels.pieces(points, values, runs, least)
        roots = []
        every: Iterable[Any] = combinations_with_replacement(
            [(s, k) for s in (1, -1) for k in range(3)], m
        )
        if n_kinks is not None:  # beside an affine neuron and the offset none has to look left
            right = combinations_with_replacement([(1, 0), (-1, 0)], n_kinks)
            every = ((*kinds, (1, 2)) for kinds in right)
        for kinds in every:
            if sum(sign > 0 for sign, _ in kinds) in classes:
                node = np.zeros((m, 5), dtype=np.int64)
                for q, (kind, copies) in enumerate(Counter(kinds).items()):
                    node[q] = (*kind, 0, len(points) - 1, copies)
                roots.append(node)
        self.roots = roots
        self.arrays = [np.zeros(len(roots)), np.array(roots), np.full(len(roots), -1)]
        square = float(y @ y), float(len(y))
        self._data = points, values, runs, least, float(np.abs(means).max()), square
        self.offset, self._expand = problem.column is not None, kernels.expand
        # What points less the first are in the problem's units.
        self._last = problem.X[0, 1]
        own = problem.X[np.argmin(inputs), 0], problem.X[np.argmax(inputs), 0]
        self._first = own[0] / self._last
        self._ratio = (points[-1] - points[0]) / ((own[1] - own[0]) / self._last)

    def expand(self, parents: Any, cutoff: float, children: Any, best: Array) -> Any:
        """See the kernel; products come in the problem's units."""
        found = self._expand(parents, self._data, self.offset, cutoff, children, best)
        best[:-1, 0] *= self._ratio
        best[:-1, 1] -= best[:-1, 0] * self._first
        best[:-1, :2] /= self._last
        return found

    def propose(self, cutoff: float, node: NDArray[np.int64]) -> tuple[bool, int]:
        """Whether a node's bound reaches the cutoff, and the group to branch at (-1: none)."""
        from landscape.bracket._kernels_line import bound_of_node

        points, _, runs, least, largest, square = self._data
        free = np.zeros((len(node) + 1, 2))
        bound, group = bound_of_node(node, points, runs, least, self.offset, largest, square, free)
        return bound >= cutoff, group


def _separate(X: Array, exact: Array) -> tuple[NDArray[np.bool_], bool]:
    """Which samples count below, and whether all sets of samples were looked through.

    No set of up to d of these is nearly, but not exactly, dependent: there weights of any size fit
    targets that differ, and rounding hides by how much.
    """
    _, first, label = np.unique(exact, axis=0, return_index=True, return_inverse=True)
    unit = X[first] / np.maximum(np.linalg.norm(X[first], axis=1), np.finfo(float).tiny)[:, None]
    gram = unit @ unit.T
    kept, complete = np.ones(len(first), dtype=bool), True
    for size in range(2, X.shape[1] + 1):
        if comb(len(first), size) > SUBSETS:
            complete = False
            break
        indices = chain.from_iterable(combinations(range(len(first)), size))
        subsets = np.fromiter(indices, dtype=np.intp).reshape(-1, size)
        if len(subsets) == 0:
            break
        # Squares of the other singular values multiply to less than e; 10 has room for rounding.
        volumes = np.linalg.det(gram[subsets[:, :, None], subsets[:, None]])
        subsets = subsets[volumes < 10 * NEAR**2]
        smallest = np.linalg.svd(unit[subsets], compute_uv=False)[:, -1]
        for subset in subsets[smallest < NEAR]:
            rows = [integer_vector(row) for row in exact[first[subset]].tolist()]
            if kept[subset].all() and len(echelon(rows)[1]) == size:
                kept[subset[-1]] = False
    return kept[label.ravel()], complete
