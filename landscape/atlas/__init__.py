"""The atlas of a small problem: all local minima of the loss on N*, not those that were found.

For samples of one or two inputs and few neurons, every local minimum over N* on lifted data
``(x, 1, -1)`` is enumerated, in the effective coordinates ``u = (w, b)`` of Theorem 5 (in which the
bounds of N* never bind). The sign vectors in {-, 0, +}^n of one neuron on the samples cut the space
of its ``u`` into finitely many disjoint, relatively open polyhedral cones, the *faces*; every point
lies in exactly one joint face F, a product of faces. On F the values on the samples are linear,
``R(u) = B u``, so:

1. A local minimum u in F is a critical point of a convex quadratic on the linear hull H of F: it
   lies in ``M = {u in H: B u = the projection of y onto B H}``, an affine space on which the
   residuals s are constant. Candidates are the points of ``M ∩ F``.
2. By Theorem 6, u is a local minimum iff for each neuron ``h_i(v) >= 0`` for all v, and h_i depends
   on F, the signs and s only: *all* points of ``M ∩ F`` are local minima, or none.

Neurons of the same face and sign act as one (faces are convex cones, so sums stay inside and any
element splits), and silent ones not at all: one least squares problem for each *set* of at most m
distinct non-silent (face, sign) suffices. One entry is a connected set ("plateau") of local minima,
modulo permutation of the neurons. Joint faces with two neurons at the apex are left out: vectors
(0, ..., 0, t, t) are parallel, which N* excludes (C.2). ``docs/atlas.md`` says what is counted, and
what double precision leaves open; nothing undecided counts as a minimum.
"""

from landscape.atlas._builder import make_atlas
from landscape.atlas._faces import AtlasCost, AtlasTooLarge, atlas_cost
from landscape.atlas._records import Atlas, AtlasEntry, Location, UndecidedFace

__all__ = [
    "Atlas", "AtlasCost", "AtlasEntry", "AtlasTooLarge", "Location", "UndecidedFace", "atlas_cost",
    "make_atlas",
]  # fmt: skip
