"""Active-set descent to an exact local minimum of the piecewise quadratic loss (Theorem 9).

A *face* is an activation pattern with some kinks and bounds as equalities. On a face the loss is a
convex quadratic: the step is the exact Newton step in the null space of the equalities, the line
search is exact over all breakpoints. On a stationary point of the face the full first-order test
(:mod:`landscape.first_order`) either proves a local minimum or gives a direction of descent that
takes every kink at the point into account; descent goes on along it, or along the Newton step of
the face that it enters. The loss falls strictly between tests, so no face is visited twice.

Losses with a kink (absolute, pinball, hinge) go from vertex to vertex instead, by linear programs
on cells and the joint test of Theorem 29.

For the squared loss without bounds, with penalties or without, the steps between tests are
compiled; there multipliers of single kinks release them, choices of concave kinks give directions
to leave dependent ones, and the test is left to the certificate of the end.

Many local minima are shallow: a neuron that moves on along a straight line, uphill first, often
reaches a lower loss than before. On a line the loss is piecewise quadratic, so that the least of
all its local minima is found exactly; with ``far`` the descent goes on from there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent._lines import line_search
from landscape.descent._recession import find_recession
from landscape.descent._search import DescentOutcome, Search, solve_least_squares
from landscape.descent._vertices import VertexSearch
from landscape.effective import EffectiveProblem, State
from landscape.errors import NumericalError
from landscape.losses import KinkedLoss, Loss, WeightDecay, get_weight_decay, needs_loss
from landscape.minima import Certificate, certify_problem
from landscape.objective import mean_loss, mean_square
from landscape.parametrization import Parametrization
from landscape.spaces import Space, UnrestrictedSpace
from landscape.stationarity import Budget

__all__ = [
    "Descent", "DescentOutcome", "Search", "descend", "line_search", "solve_least_squares",
]  # fmt: skip

#: Searches from where the last one ended: compiled steps may end where the test goes on, and
#: rounding on the way back may spoil the end.
ROUNDS = 4


@dataclass(frozen=True)
class Descent:
    """End of a descent."""

    #: In the space that was descended in.
    parametrization: Parametrization
    #: Mean squared error, or mean loss, with penalties; at most ``loss_start`` but for rounding.
    loss: float
    loss_start: float  #: That of the start.
    outcome: DescentOutcome  #: How it ended; its value is a sentence.
    n_iter: int  #: Steps along a line.
    n_tests: int  #: Full first-order tests.
    #: For outcomes other than a minimum, in terms of the neuron concerned.
    reason: str
    #: After each line search.
    losses: tuple[float, ...]
    #: Of the end; None where the descent itself knows that it is no minimum.
    certificate: Certificate | None
    #: With outcome ``NO_MINIMUM``, along which the loss falls without end, (m, d) as a
    #: certificate's direction.
    direction: NDArray[np.float64] | None = None


def descend(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    max_iter: int = 10_000,
    budget: Budget | None = None,
    penalty: ArrayLike | None = None,
    far: bool = False,
    hold: bool = False,
    deadline: float = np.inf,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Descent:
    """Descend from ``theta`` to a point that passes the exact test of a local minimum (Theorem 9).

    Parameters
    ----------
    theta : Parametrization
        Of the space's shape. The signs of its output weights stay.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, ``space.embed(features)``, and targets.
    space : Space
    max_iter : int
        Limit of line searches; an outcome, not an error.
    budget : Budget, optional
        For mixed kinks, see :class:`landscape.stationarity.Budget`.
    penalty : array_like of shape (d,), optional
        Adds ``sum_ij penalty_j u_ij^2`` to the loss, ``u_i = |c_i| a_i``.
    far : bool
        Leave stationary points, minima too, for lower ones on straight lines: the axes of single
        neurons, and their own directions. At the end no such line reaches a loss that is lower by
        a thousandth. Line searches of compiled steps go to the least local minimum within 32 Newton
        steps, not to the first. For raw starts; the end of a trained network would no longer be
        near it. For the squared loss.
    hold : bool
        Begin on the face of the kinks that ``theta`` lies on; the test releases those that do not
        belong to a minimum. For starts that were put on the kinks of a minimum nearby.
    deadline : float
        Of ``time.monotonic``: the last line search begins before it.
    loss, sample_weight, weight_decay
        See :func:`landscape.certify_minimum`. In N the end is balanced as a decay wants it.

    Examples
    --------
    Separable classes have no minimum without a penalty, and have one with it:

    >>> from landscape import Parametrization, RestrictedSpace, lift_inputs
    >>> theta = Parametrization.from_products([[1.0, 0.5, 0.1], [-1.0, 0.1, 0.6]], [1.0, -1.0])
    >>> X, y, space = lift_inputs([[-1.0], [-2.0], [1.0]]), [0, 0, 1], RestrictedSpace(3, 2)
    >>> descend(theta, X, y, space=space, loss="logistic").outcome.name
    'NO_MINIMUM'
    >>> descend(theta, X, y, space=space, loss="logistic", weight_decay=0.1).outcome.name
    'MINIMUM'
    """
    if max_iter < 1:
        raise ValueError(f"max_iter: expected a positive integer, got {max_iter}")
    decay = get_weight_decay(weight_decay)
    form: dict[str, Any] = {"loss": loss, "sample_weight": sample_weight, "weight_decay": decay}
    other = needs_loss(loss, sample_weight) or decay is not None
    if far and other:
        raise ValueError("far: only for the squared loss without weights and weight decay")
    inputs = np.asarray(X, dtype=float)
    problem = EffectiveProblem.build(theta, X, y, space, penalty, **form)
    direction = None
    start, n_iter, n_tests, loss_start = theta, 0, 0, np.nan
    losses: list[float] = []
    for _ in range(ROUNDS):
        first = start is theta
        search: Search | VertexSearch
        if isinstance(problem.sample_loss, KinkedLoss):
            search = VertexSearch(problem, budget, deadline=deadline)
        else:
            search = Search(
                problem, budget, far=far, hold=hold and first, first=first, deadline=deadline
            )
        outcome, reason = search.run(max_iter - n_iter)
        searched = search.problem
        unit = searched.unit**2
        try:
            end = searched.parametrization(search.state)
        except NumericalError as error:  # a lower point has no floats
            outcome, reason, end = DescentOutcome.STALLED, str(error), start
            search.state, search.losses = searched.state(), []
        n_iter, n_tests = n_iter + search.n_iter, n_tests + search.n_tests
        losses += [unit * each for each in search.losses]
        loss_start = unit * search.loss_start if first else loss_start
        certificate = None
        if outcome is not DescentOutcome.MINIMUM:
            ray = search.recession
            if ray is None and (found := find_recession(searched, search.state)):
                outcome, (ray, reason) = DescentOutcome.NO_MINIMUM, found
            if ray is not None:
                direction = searched.product_direction(ray.u, ray.e)
            break
        violations = problem.space.violations(end)
        if any(violation.condition != "C.2" for violation in violations):
            outcome, reason = DescentOutcome.BORDER, "a bound that the space does not attain"
            break
        # The one verdict is the certificate of what is returned: it was rounded on the way.
        problem = problem.at(end)
        certificate = certify_problem(problem, inputs, violations, budget)
        if certificate.is_minimum:
            break
        outcome, reason = DescentOutcome.UNDECIDED, certificate.reason
        if (i := _endless_bias(problem, search.state)) is not None:
            outcome = DescentOutcome.NO_MINIMUM
            reason = f"neuron {i} has a bias only, which may grow as its output weight shrinks"
            break
        if n_iter >= max_iter:
            break
        start = end
    if other:
        value = mean_loss(end, X, y, space=space, **form)
    else:
        value = mean_square(end, np.ascontiguousarray(inputs), np.asarray(y, dtype=float))
    if searched.penalty is not None:
        value += float((search.state.u**2).sum(axis=0) @ searched.penalty) * unit
    if certificate is None and value > loss_start:  # it was rounded on the way, and did not fall
        end, value = theta, loss_start
    record = end, value, loss_start, outcome, n_iter, n_tests, reason, tuple(losses), certificate
    return Descent(*record, direction)


def _endless_bias(problem: EffectiveProblem, state: State) -> int | None:
    """A neuron of N with a bias that costs nothing and no weights, whose output weight costs.

    ``D`` of Theorem 27 is least in the limit of endless biases.
    """
    if problem.decay is None or not isinstance(problem.space, UnrestrictedSpace):
        return None
    alone = (problem.decay_norms(state.u) == 0) & state.u.any(axis=1)
    return int(np.argmax(alone)) if alone.any() else None
