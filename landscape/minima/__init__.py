"""Certificates: is a parametrization a local minimum of the loss, and with what radius (Theorem 6).

The radius is that of Proposition 1.2: for all Theta in the space with ``‖Theta - Gamma‖_inf <= r``
the loss is at least that of Gamma, see (9). It needs no Hessian and no sampling, and covers weak
and flat minima.
"""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from landscape.effective import EffectiveProblem
from landscape.losses import Loss, WeightDecay, get_weight_decay
from landscape.minima._test import Certificate, MinimumTest
from landscape.parametrization import Parametrization
from landscape.rational_check import prove_minimum
from landscape.rounding import Array
from landscape.spaces import Space, Violation
from landscape.stationarity import Budget

__all__ = ["Certificate", "activation_key", "certify_minimum", "certify_problem"]


def certify_minimum(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    budget: Budget | None = None,
    exact: bool = False,
    penalty: ArrayLike | None = None,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Certificate:
    """Decide whether ``theta`` is a local minimum of the loss on ``space``.

    Parameters
    ----------
    theta : Parametrization
        In the space; parallel neurons are allowed and reported in ``violations``.
    X : array_like of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array_like of shape (n,)
    space : Space
    budget : Budget, optional
        For mixed kinks, see :class:`landscape.stationarity.Budget`.
    exact : bool
        Re-check in exact rational arithmetic, after moving the parameters to the exact minimizer
        of their face, see :func:`landscape.rational_check.prove_minimum`. Not for
        logistic and Poisson losses, not with a penalty.
    penalty : array_like of shape (d,), optional
        Adds ``sum_ij penalty_j u_ij^2`` to the loss, ``u_i = |c_i| a_i``. It is in ``loss``, and
        the test and the radius are those of the sum.
    loss : str or Loss, optional
        Of :mod:`landscape.losses` (Theorem 26); the squared one if not given.
    sample_weight : array_like of shape (n,), optional
        Factors of the samples' losses, divided by their mean.
    weight_decay : float or WeightDecay, optional
        Adds ``strength (‖A‖_2^2 + ‖c‖_2^2)``, in N' and N* its least value over the rescalings of
        neurons, ``2 strength sum_i ‖u_i‖_2`` (Theorem 27).

    Returns
    -------
    certificate : Certificate

    Raises
    ------
    ValueError
        If theta is not in the space (other than by parallel neurons) or the data do not fit, or
        with both ``exact`` and a penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from landscape import Parametrization, UnrestrictedSpace, certify_minimum
    >>> theta = Parametrization([[1.0]], [1.0])
    >>> X, y = [[1.0], [2.0]], [1.0, 2.5]
    >>> certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1)).verdict
    <Verdict.VIOLATED: 'violated'>
    >>> theta = Parametrization([[1.2]], [1.0])
    >>> certificate = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1))
    >>> certificate.verdict, round(certificate.radius, 6)
    (<Verdict.HOLDS: 'holds'>, 1.2)

    The exact minimum is next to it: 6/5 is not a float.

    >>> proof = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1), exact=True).proof
    >>> proof.proved, proof.products, 0 < proof.distance < 1e-16
    (True, ((Fraction(6, 5),),), True)

    The logistic loss of labels that do not determine their sample:

    >>> theta = Parametrization([[1.0]], [np.log(2)])
    >>> X, y = [[1.0], [1.0], [1.0]], [0, 1, 1]
    >>> certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1), loss="logistic").verdict
    <Verdict.HOLDS: 'holds'>
    """
    problem = EffectiveProblem.build(
        theta, X, y, space, penalty, loss=loss, sample_weight=sample_weight,
        weight_decay=get_weight_decay(weight_decay),
    )  # fmt: skip
    own = problem.sample_loss
    rational = own is None or own.rational
    if exact and (problem.penalty is not None or problem.decay is not None or not rational):
        raise ValueError(
            "exact: the proof in rational arithmetic covers losses of linear and quadratic pieces "
            "(not logistic, not poisson), and does not cover a penalty"
        )
    violations = space.violations(theta)
    for violation in violations:
        if violation.condition != "C.2":
            raise ValueError(f"theta: not in the {space.name} space: {violation.message}")
    inputs = np.asarray(X, dtype=float)
    certificate = certify_problem(problem, inputs, violations, budget)
    if not exact:
        return certificate
    proof = prove_minimum(problem, inputs)
    return replace(certificate, proved=proof.proved, proof=proof)


def certify_problem(
    problem: EffectiveProblem,
    inputs: Array,
    violations: list[Violation],
    budget: Budget | None = None,
) -> Certificate:
    """The certificate of a problem's parametrization, which violates nothing but C.2."""
    messages = tuple(each.message for each in violations)
    return MinimumTest(problem, inputs, budget, messages).certificate()


def activation_key(theta: Parametrization, X: ArrayLike, *, space: Space) -> str:
    """A key that two minima share iff they are the same on the data (Theorem 5).

    That is: the same activation cell, kinks included, and signs, up to permutation and to shifts
    that the data do not see. Neurons that are silent on all samples count as one kind.
    """
    problem = EffectiveProblem.build(theta, X, np.zeros(len(np.asarray(X))), space)
    problem = problem.in_own_units()
    state = problem.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    cells = np.where(kinks, 0, np.sign(z)).astype(np.int8)
    rows = []
    for i, sign in enumerate(problem.signs):
        silent = not (cells[:, i] > 0).any()
        rows.append(b"silent" if silent else bytes([int(sign > 0)]) + cells[:, i].tobytes())
    return hashlib.sha256(b"|".join(sorted(rows))).hexdigest()[:16]
