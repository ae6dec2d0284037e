"""Units of the neurons, and what bounds the radius of a certificate, compiled."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64, masks bool.
import math

import numpy as np

from landscape._kernels import effective, reach
from landscape.compiled import compiled


@compiled
def own_units(weights, outputs, reduced, scales, target, relative, share):
    """Weight vectors in units in which they and the data are of size one: nothing is rounded.

    See :func:`landscape._kernels.effective`: the vectors (m, d), how far off they are, the sizes of
    the output weights (m,), what the last entries lose, and the neurons' own units, powers of two.
    """
    a, errors, lost = effective(weights, reduced, relative, share)
    (m, d), sizes, powers = a.shape, np.empty(len(a)), np.empty(len(a))
    for i in range(m):
        top = 0.0
        for j in range(d):
            top = max(top, abs(a[i, j] * scales[j]))
        powers[i] = math.ldexp(1.0, -min(max(math.frexp(top)[1], -1000), 1000))
        sizes[i] = abs(outputs[i]) / powers[i] / target
        lost[i] = lost[i] * scales[d - 1] * powers[i]
        for j in range(d):
            a[i, j] = a[i, j] * scales[j] * powers[i]
            errors[i, j] = errors[i, j] * scales[j] * powers[i]
    return a, errors, sizes, lost, powers


@compiled
def margins(sided, own, kinks, norms, powers, sizes, slopes, theta, units, short, terms, beside):
    """``r_cell`` of Theorem 6: within it every pair off its kink keeps its side.

    ``sided`` and ``own`` are pre-activations (m, n) with their errors: on the sides on which they
    are tried, and as they are. ``norms`` (n,) are the samples' 1-norms, ``powers`` (m,) the
    neurons' units. The sign of an output weight matters only to neurons with kinks: on a smooth
    neuron the loss is the same convex quadratic in ``c_i a_i`` on both sides of 0.

    Then what kinks are missed by, times the ``slopes`` (n,) of the losses; what ``short`` (m, d)
    and ``terms`` sum to within a radius of r, the factors of r and of r^2; and whether a sample is
    within ``beside`` times its rounding of a kink that it is not on.
    """
    limit, missed, near, (z, errors), (weights, outputs, reduced) = np.inf, 0.0, False, sided, theta
    linear, square = reach(weights, outputs, reduced)
    lost, stake = (0.0, 0.0), (0.0, 0.0)
    for i in range(len(z)):
        bent = False
        for k in range(norms.size):
            if kinks[i, k]:
                missed += slopes[k] * (abs(z[i, k]) + errors[i, k]) * sizes[i]
                bent = True
            elif norms[k] > 0.0:
                side = max(abs(z[i, k]) - errors[i, k], 0.0)
                limit = min(limit, side / powers[i] / norms[k])
                near |= abs(own[0][i, k]) <= beside * own[1][i, k]
        if bent and outputs[i] != 0.0:
            limit = min(limit, abs(outputs[i]))
        for j in range(units.size):
            first, second = linear[i, j] * units[j], square[j] * units[j]
            lost = lost[0] + short[i, j] * first, lost[1] + short[i, j] * second
            stake = stake[0] + terms[i, j] * first, stake[1] + terms[i, j] * second
    return limit, missed, lost, stake, near
