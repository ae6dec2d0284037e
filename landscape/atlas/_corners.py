"""Supports of losses with corners: linear programs on hulls, whose minimizers are polyhedra.

With the slopes s of one least point, the minimizers over a hull are the points on the corners of
all samples whose s_k is between the slopes there, and before or behind the corners of the others
(Theorem 43.3). A support is inside if such a point lies in its open faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, null_space
from scipy.optimize import linprog

from landscape.atlas._convex import ConvexTypes
from landscape.atlas._supports import RANK, Code, SupportFit
from landscape.corners import minimize_corners
from landscape.losses import KinkedLoss
from landscape.rounding import Array

#: Slopes as near as this to those of one side, as a share of the corner's, are that side's.
BETWEEN = 1e-6
#: How deep inside its faces a minimizer has to be, and how far equations may be missed, relative
#: to its size.
DEEP, MISSED = 1e-9, 1e-9
#: How far off the corners, and how far away, a minimizer is looked for. Near ones come first, as
#: long as they are no shallower than NEAR: rounding grows with the distance.
TRIED, NEAR = ((1e-3, 8.0), (1e-3, 1e4), (0.0, 1e4)), 1e-3


@dataclass(frozen=True, eq=False)
class CornerTypes(ConvexTypes):
    """Faces as blocks of linear programs."""

    loss: KinkedLoss

    def _promising(self, supports: NDArray[np.intp]) -> NDArray[np.bool_]:
        """All: slopes are not unique, so that none of them rules a support out."""
        return np.ones(len(supports), dtype=bool)

    def fit(self, support: tuple[int, ...]) -> SupportFit:
        """Solve one support of types that take part."""
        own, n = [self.blocks[t // 2] for t in support], len(self.target)
        parts = [(1 - 2 * (t % 2)) * values for t, (values, *_) in zip(support, own, strict=True)]
        values = np.hstack([np.empty((n, 0)), *parts])
        tests = block_diag(np.empty((0, 0)), *(rows for *_, rows in own))
        at, low, high = self.loss.pieces()
        places = self.target + at
        found = minimize_corners(values, places, low, high)
        share = (found.slopes - low) / np.where(high > low, high - low, 1.0)
        on = (share > BETWEEN) & (share < 1 - BETWEEN) & (high > low)
        size = max(float(np.linalg.norm(found.x)), float(np.abs(places).max()) or 1.0)

        def onto(e: Array) -> Array:
            """The nearest point on the corners, to the last digits."""
            for _ in range(2):
                e = e - np.linalg.lstsq(values[on], values[on] @ e - places[on], rcond=RANK)[0]
            return e

        e = onto(found.x)
        rank = int(np.linalg.matrix_rank(values[on], tol=RANK)) if on.any() and e.size else 0
        code = Code.INSIDE
        if support:
            before = np.where(share > 0.5, 1.0, -1.0)
            out = ~on & (high > low)
            e, code = self._inside_of(
                e, size, tests, values[on], before[out, None] * values[out], (before * places)[out]
            )
            e = onto(e)
            missed = float(np.abs(values[on] @ e - places[on]).max(initial=0.0))
            if missed > MISSED * size and code is Code.INSIDE:
                code = Code.BORDER
        loss = float(self.loss.value(values @ e - self.target).mean())
        ends = pairwise(np.cumsum([0, *(part.shape[1] for part in parts)]).tolist())
        lifted = [lift @ e[a:b] for (_, lift, _), (a, b) in zip(own, ends, strict=True)]
        points = np.array(lifted).reshape(len(own), self.faces.units.shape[1])
        return SupportFit(support, code, points, found.slopes, rank, loss)

    def _inside_of(
        self, e: Array, size: float, tests: Array, fixed: Array, rows: Array, ends: Array
    ) -> tuple[Array, Code]:
        """A minimizer as deep as can be in the faces, and off the corners it need not be on.

        ``rows @ e >= ends``; if none is off the corners the depth in the faces alone counts.
        """
        free = null_space(fixed, rcond=RANK) if fixed.size else np.eye(len(e))
        lengths = np.maximum(np.linalg.norm(rows, axis=1), RANK)
        table = np.vstack([tests, rows / lengths[:, None]])
        heights = (table @ e - np.append(np.zeros(len(tests)), ends / lengths)) / size
        along, best = table @ free, (e, float(heights[: len(tests)].min()))
        for off, far in TRIED:
            deep = np.append(np.ones(len(tests)), np.full(len(rows), off))
            found = linprog(
                np.append(np.zeros(free.shape[1]), -1.0),
                A_ub=np.column_stack([-along, deep]),
                b_ub=heights,
                bounds=[(-far, far)] * free.shape[1] + [(None, 1.0)],
                options={
                    "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10,
                },
            )  # fmt: skip
            if found.x is None:
                continue
            point = e + size * (free @ found.x[:-1])
            depth = float((tests @ point).min()) / size
            if depth > (DEEP if far > TRIED[0][1] else NEAR):
                return point, Code.INSIDE
            best = point, depth
        return best[0], Code.NONE if best[1] < -DEEP else Code.BORDER
