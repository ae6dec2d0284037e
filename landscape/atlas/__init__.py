"""The atlas of a small problem: all local minima of the loss on N*, not those that were found.

For samples of one or two inputs and few neurons, every local minimum over N* on lifted data
``(x, 1, -1)`` is enumerated, in the effective coordinates ``u = (w, b)`` of Theorem 5 (in which the
bounds of N* never bind).

Why the enumeration is complete
-------------------------------
The sign vectors in {-, 0, +}^n of one neuron on the samples cut the space of its ``u`` into
finitely many disjoint, relatively open polyhedral cones, the *faces*. For m neurons with signs
sigma every point lies in exactly one joint face F (a product of faces). On F the values of the
network on the samples are linear, ``R(u) = B u``, so the loss is a convex quadratic on the linear
hull H of F. Then:

1. A local minimum u in F is a critical point of that quadratic on H, because F is open in H. So it
   minimizes over H: it lies in ``M = {u in H: B u = the projection of y onto B H}``, an affine
   space on which the residuals s are constant. Candidates are the points of ``M ∩ F``: least
   squares, and where M has more than one point a linear feasibility problem.
2. By Theorem 6, u is a local minimum iff for each neuron ``h_i(v) >= 0`` for all v, and h_i depends
   on the active samples, the samples on the kink, sigma_i and s only: on F and s. So *all* points
   of ``M ∩ F`` are local minima, or none: one certificate decides.
3. Nothing else can occur: there are finitely many F.

Enumerating F up to permutation of the neurons: neurons of the same face and sign act as one (the
faces are convex cones, so sums stay inside and any element splits), and silent ones not at all.
So one least squares problem for each *set* of at most m distinct non-silent (face, sign)
suffices, ``sum_k C(2 f, k)`` of them; multiplicities and silent neurons are filled in afterwards.

What is counted
---------------
One entry is a connected set ("plateau") of local minima, modulo permutation of the neurons: sets
``M ∩ F`` of different F touch iff one F is in the closure of the other and the residuals agree.
A neuron that no sample activates or touches contributes nothing whatever its sign: entries that
differ only in such signs are one. An isolated minimum is an entry of dimension 0. Two entries can
share their values on the data: they are different ways to attain them that no path of minima
connects (``n_values`` counts distinct values). Joint faces with two neurons at the apex are left
out: two vectors (0, ..., 0, t, t) are parallel, which N* excludes (C.2).

Rounding
--------
Kinks, ranks and borders are decided in double precision with stated tolerances, on standardized
data: neither the units nor the origin of the inputs and the target matter. Samples that agree to
a few ulp count as equal, values on the data that agree to 1e-8 of the largest target as the same.
Distinct samples that are too near to each other make the atlas incomplete, and it says so.
Minimizers within rounding of a border belong to a smaller face, which is enumerated too; the atlas
checks that it was found there, and lists the others under ``undecided``. So it does with minima
that cannot be certified in the units of the data. Nothing undecided counts as a minimum.
Pieces of plateaus farther out than 1e4 times the shortest minimizer of their face are not sought.
"""

from landscape.atlas._builder import make_atlas
from landscape.atlas._cost import AtlasCost, AtlasTooLarge, atlas_cost
from landscape.atlas._records import Atlas, AtlasEntry, Location, UndecidedFace

__all__ = [
    "Atlas",
    "AtlasCost",
    "AtlasEntry",
    "AtlasTooLarge",
    "Location",
    "UndecidedFace",
    "atlas_cost",
    "make_atlas",
]
