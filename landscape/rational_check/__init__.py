"""Local minima proved in exact rational arithmetic (Theorem 6).

A certificate in floating-point numbers holds up to a tolerance: the point itself is a minimum only
up to rounding. Here the kinks, active bounds and activation pattern that it found name a *face*;
on it the loss is a convex quadratic with rational coefficients (data and targets are taken as the
rationals that their floats are). So the exact minimizer of the face next to the point solves
linear equations; at it, sides are strict or they are not, and multipliers lie in [0, 1] or they do
not. What comes out is a proof for a point at a stated distance, or the reason why there is none.

The conditions are those of :mod:`landscape.stationarity`, from which nothing is taken but a linear
program that proposes multipliers.
"""

from landscape.rational_check._cone import ConeBudget
from landscape.rational_check._proof import ExactMinimum, prove_minimum

__all__ = ["ConeBudget", "ExactMinimum", "prove_minimum"]
