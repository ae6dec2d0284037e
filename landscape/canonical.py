"""Canonical forms of realizations: which parametrizations compute the same function.

Every element of R(N), and every difference of two, is ``<l, x> + sum_h j_h relu(<e_h, x>)`` with
pairwise different hyperplanes ``e_h^⊥`` and jumps ``j_h != 0``: neurons of the same direction are
merged by (35), opposite ones are turned around by ``relu(z) = z + relu(-z)``. The form is unique up
to the order and the orientation of the normals, so two realizations are equal exactly when the
canonical form of their difference is empty.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.errors import NumericalError
from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Parametrization,
    group_directions,
    max_norms,
    unit_directions,
)
from landscape.realization import difference

Array = NDArray[np.float64]


class Hyperplanes(NamedTuple):
    """The k different hyperplanes among the m rows of a matrix, and where each row went."""

    rows: Array  #: (k, d), one of the rows that were merged into each, up to a power of two
    labels: NDArray[np.intp]  #: (m,), the hyperplane of each given row, -1 for a zero row
    #: (m,), 1 or -1: whether the given row points as ``rows[labels[i]]`` does; 0 for a zero row.
    orientations: NDArray[np.int8]


def merge_hyperplanes(rows: Array, *, tolerance: float = DIRECTION_TOLERANCE) -> Hyperplanes:
    """Merge parallel and opposite rows (m, d) into hyperplanes; zero rows have none.

    The result does not depend on the order of the rows nor on powers of two that they are
    multiplied with: hyperplanes are sorted, and each is represented by the least of its rows.
    Directions of max-norm one are merged up to an entrywise ``tolerance``.
    """
    rows = np.asarray(rows, dtype=float)
    units = unit_directions(rows)
    # The half-space of the normals: the first entry that is not negligible is positive.
    noticeable = np.abs(units) > 2 * max(tolerance, DIRECTION_TOLERANCE)
    first = np.cumsum(noticeable, axis=1) == 1
    signs = np.where((noticeable & first & (units < 0)).any(axis=1), -1, 1)
    groups = group_directions(rows, oriented=False, tolerance=tolerance, units=units)
    _, exponents = np.frexp(max_norms(rows))
    mantissas = np.ldexp(rows, -exponents[:, None]) * signs[:, None] + 0.0
    oriented = units * signs[:, None]
    # Sorted by direction, ties by the unrounded row: independent of the order of the input. Each
    # group is numbered by its first member in this order, which represents it.
    present = np.flatnonzero(groups >= 0)
    keys = np.hstack([oriented, mantissas])[present]
    order = present[np.lexsort([present, *keys.T[::-1]])]
    _, seen, members = np.unique(groups[order], return_index=True, return_inverse=True)
    chosen = order[np.sort(seen)]
    labels = np.full(len(rows), -1, dtype=np.intp)
    labels[order] = np.argsort(np.argsort(seen))[members]
    # Compared with the representative, not by the half-space: robust where a leading entry is near
    # the bound above.
    agreement = (oriented[chosen][labels[order]] * units[order]).sum(axis=1)
    orientations = np.zeros(len(rows), dtype=np.int8)
    orientations[order] = np.where(agreement < 0, -1, 1)
    return Hyperplanes(mantissas[chosen], labels, orientations)


def exact_sums(values: Array, labels: NDArray[np.intp], n_groups: int) -> Array:
    """Correctly rounded sums of ``values`` over the groups: independent of the order."""
    sums, counts = np.zeros(n_groups), np.bincount(labels + 1, minlength=n_groups + 1)[1:]
    alone = (labels >= 0) & (np.append(counts, 0)[labels] == 1)
    sums[labels[alone]] = values[alone]
    terms: dict[int, list[float]] = {}
    for i in np.flatnonzero(~alone & (labels >= 0)).tolist():
        terms.setdefault(int(labels[i]), []).append(float(values[i]))
    for group, several in terms.items():
        sums[group] = math.fsum(several)
    return sums


@dataclass(frozen=True, eq=False)
class CanonicalForm:
    """``x -> <linear, x> + sum_h jumps[h] relu(<normals[h], x>)``, see `canonical_form`."""

    normals: Array  #: (k, d), pairwise different, of max-norm one in one half-space, sorted
    jumps: Array  #: (k,), of the gradient across the hyperplanes, in units of the normals
    linear: Array  #: (d,), the gradient where all ``<normals[h], x> < 0``
    #: (m,), the hyperplane of each neuron, -1 if its weight vector or its output weight is zero,
    #: or its hyperplane's jump cancelled.
    labels: NDArray[np.intp]
    #: (m,), 1 or -1, orientation of the neuron relative to the normal, also where the jump
    #: cancelled; 0 for zero weight vectors.
    orientations: NDArray[np.int8]

    @property
    def is_zero(self) -> bool:
        """Whether the realization is the zero function (within the tolerance)."""
        return self.jumps.size == 0 and not self.linear.any()

    def to_parametrization(self) -> Parametrization:
        """A network with this canonical form: k + 2 neurons, or k if the linear part is zero."""
        rows, outputs = self.normals, self.jumps
        if self.linear.any():
            rows = np.vstack([rows, self.linear, -self.linear])
            outputs = np.concatenate([outputs, [1.0, -1.0]])
        return Parametrization(rows, outputs)


def canonical_form(
    theta: Parametrization, *, tolerance: float = DIRECTION_TOLERANCE
) -> CanonicalForm:
    """The canonical form of a realization, unique up to rounding.

    Parameters
    ----------
    theta : Parametrization
    tolerance : float
        Directions that differ by no more than this (max-norm one, entrywise) are equal, and a sum
        that is smaller than this, relative to the sum of its terms' absolute values and per term,
        has cancelled.

    Raises
    ------
    NumericalError
        If a product of weights is too large for a float.

    Examples
    --------
    Two opposite neurons of equal jump are linear; ``linear`` is then their common gradient.

    >>> theta = Parametrization([[1.0, 0.0], [-2.0, 0.0], [0.0, 4.0]], [2.0, -1.0, 1.0])
    >>> form = canonical_form(theta)
    >>> form.normals
    array([[0., 1.]])
    >>> form.jumps, form.linear
    (array([4.]), array([2., 0.]))
    """
    a, c = theta.weights, theta.output_weights
    planes = merge_hyperplanes(a, tolerance=tolerance)
    k = len(planes.rows)
    with np.errstate(over="ignore"):
        contributions = c * max_norms(a)
    if (huge := np.flatnonzero(~np.isfinite(contributions))).size:
        raise NumericalError(
            f"theta: the weights of neuron {huge[0]} are too large to be multiplied"
        )
    used = np.where(_cancelling_pairs(a, c), -1, planes.labels)
    jumps, sizes = (exact_sums(x, used, k) for x in (contributions, np.abs(contributions)))
    counts = np.bincount(used[used >= 0], minlength=k)
    # A hyperplane with a single neuron has its jump, however small; a sum may have cancelled.
    kept = (jumps != 0) & ((counts == 1) | (np.abs(jumps) > tolerance * counts * sizes))
    back = (planes.orientations < 0) & (used >= 0)
    linear = np.array([math.fsum(column) for column in (c[back, None] * a[back]).T]) + 0.0
    linear[np.abs(linear) <= tolerance * back.sum() * np.abs(contributions[back]).sum()] = 0.0
    numbers = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last one of label -1
    labels, normals = numbers[planes.labels].astype(np.intp), unit_directions(planes.rows[kept])
    return CanonicalForm(normals, jumps[kept], linear, labels, planes.orientations)


def _cancelling_pairs(a: Array, c: Array) -> NDArray[np.bool_]:
    """Neurons that cancel another one exactly: they leave nothing to round, whatever their size."""
    found = np.zeros(len(c), dtype=bool)
    waiting: dict[tuple[bytes, bool], list[int]] = {}
    for i, product in enumerate(np.abs(c)[:, None] * a + 0.0):
        key, positive = product.tobytes(), bool(c[i] > 0)
        if others := waiting.get((key, not positive)):
            found[[i, others.pop()]] = True
        else:
            waiting.setdefault((key, positive), []).append(i)
    return found


@dataclass(frozen=True, eq=False)
class RealizationEquality:
    """Whether two networks compute the same function, true or false in a condition."""

    equal: bool  #: whether the difference is zero up to ``tolerance``
    difference: CanonicalForm  #: of the difference of the realizations, zero when they are equal
    tolerance: float  #: relative tolerance of the decision

    def __bool__(self) -> bool:
        return self.equal


def same_realization(
    gamma: Parametrization, theta: Parametrization, *, tolerance: float = DIRECTION_TOLERANCE
) -> RealizationEquality:
    """Decide whether two networks of any widths have the same realization.

    Parameters
    ----------
    gamma, theta : Parametrization
        With the same number of inputs.
    tolerance : float
        See `canonical_form`.

    Examples
    --------
    Neurons whose products sum to zero may all be turned around (compare Lemma A.3).

    >>> gamma = Parametrization([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1.0, 1.0, 1.0])
    >>> theta = Parametrization([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [1.0, 1.0, 1.0])
    >>> bool(same_realization(gamma, theta))
    True
    """
    form = canonical_form(difference(gamma, theta), tolerance=tolerance)
    return RealizationEquality(form.is_zero, form, tolerance)
