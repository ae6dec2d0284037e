"""A search for better points inside a radius, in floats; the judge has the last word.

Changes of the loss are computed from changes of the parameters, from exact pre-activations and
residuals rounded once, so that they are accurate however small they are beside the loss. Points
are changes ``(da, dc)``; on N' the output weights follow from the weights and the neuron's sign.
"""

from fractions import Fraction
from math import inf

import numpy as np

from tests.attack.judge import Point, Problem

Array = np.ndarray


class Search:
    """The box around a point, and the change of the loss in it, for many points at once."""

    def __init__(self, problem: Problem, theta: Point, X: Array, y: Array, radius: float):
        self.problem, self.theta, self.X = problem, theta, np.asarray(X, float)
        self.A = np.array([[float(v) for v in row] for row in theta.weights])
        self.c = np.array([float(v) for v in theta.outputs])
        self.z, self.s = problem.floats(theta)
        size = max(1.0, float(np.abs(self.A).max()), float(np.abs(self.c).max()))
        self.radius = min(radius * (1 - 1e-9), 100 * size)
        self.frozen = problem.offset
        self.margin, self.bound = float(problem.margin), float(problem.bound or inf)
        self.penalty = None
        if problem.penalty is not None:  # of every neuron, (m, d); the frozen one is free
            self.penalty = np.tile([float(p) for p in problem.penalty], (len(self.c), 1))
            self.penalty[len(self.c) - self.frozen :] = 0
        scale = max(
            float(np.abs(self.s).max()), float(np.abs(np.asarray(y, float)).max()) * 1e-30, 1e-300
        )
        self.scale = 2.0 ** np.ceil(np.log2(scale))  # losses here are divided by its square
        norms = np.abs(self.A).max(axis=1)
        self.excess = np.array(
            [
                float(max(map(abs, row)) - abs(c))
                for row, c in zip(theta.weights, theta.outputs, strict=True)
            ]
        )
        self.norms = norms
        self.signs = np.where(self.c < 0, -1.0, 1.0)

    def repair(self, da: Array, dc: Array) -> tuple[Array, Array]:
        """Into the box; on N' ``dc`` only says which sign is new, on N* the bounds are kept."""
        r = self.radius
        da, dc = np.clip(da, -r, r), np.clip(dc, -r, r)
        if self.frozen:
            da[:, -1] = 0
        if not self.problem.balanced:
            return da, dc
        if self.problem.restricted:
            a = self.A + da
            if self.bound < inf:  # first: the smaller a neuron, the larger its least coordinates
                top = np.sqrt(self.bound)
                da = np.where(np.abs(a) > top, np.clip(np.sign(a) * top - self.A, -r, r), da)
                a = self.A + da
            size = np.abs(a).max(axis=-1, keepdims=True)
            least = self.A[:, -2:] * 1e-3  # for an open border
            if self.margin:
                least = self.margin / np.maximum(size, 1e-300)
            low = a[..., -2:] < least
            da[..., -2:] = np.where(low, np.clip(least - self.A[:, -2:], -r, r), da[..., -2:])
        # the new sign: flipped where dc says so
        sign = np.where(np.abs(self.c + dc) > 0, np.sign(self.c + dc), self.signs)
        # |a| - |c|, accurately
        small = np.abs(da) <= np.abs(self.A)
        with np.errstate(invalid="ignore"):
            terms = np.where(
                small,
                (np.abs(self.A) - self.norms[:, None]) + np.sign(self.A) * da,
                np.abs(self.A + da) - self.norms[:, None],
            )
        growth = terms.max(axis=-1) + self.excess
        same = sign * self.signs > 0
        dc = np.where(same, self.signs * growth, sign * np.abs(self.A + da).max(axis=-1) - self.c)
        return da, dc

    def new_signs(self, dc: Array) -> Array:
        value = self.c + dc
        return np.where(value != 0, np.sign(value), self.signs)

    def inside(self, da: Array, dc: Array) -> Array:
        """Whether points are in the box, and in the space up to rounding."""
        near = (np.abs(dc) <= self.radius * (1 + 1e-10)).all(axis=-1)
        near &= (np.abs(da) <= self.radius * (1 + 1e-10)).all(axis=(-1, -2))
        if self.problem.restricted:
            a = self.A + da
            size = np.abs(a).max(axis=-1)
            near &= (a[..., -2:].min(axis=-1) * size >= self.margin * (1 - 1e-12)).all(axis=-1)
            near &= (a[..., -2:] > 0).all(axis=(-1, -2))
            near &= (size * size <= self.bound * (1 + 1e-12)).all(axis=-1)
        return near

    def change(self, da: Array, dc: Array, gradient: bool = False) -> tuple[Array, ...]:
        """``(L(theta + delta) - L(theta)) / scale^2``; inf outside the box."""
        with np.errstate(all="ignore"):
            dz = da @ self.X.T  # (P, m, n)
            z = self.z + dz
            old, on = self.z > 0, z > 0
            D = np.where(old, np.where(on, dz, -self.z), np.where(on, z, 0.0))
            relu = np.where(on, z, 0.0)
            dR = (dc[..., None] * relu + self.c[:, None] * D).sum(axis=1) / self.scale
            s, n = self.s / self.scale, len(self.s)
            value = (dR @ s * 2 + (dR * dR).sum(axis=-1)) / n
            if self.penalty is not None:
                c, a = np.abs(self.c)[:, None], self.A
                new = np.abs(self.c + dc)[..., None]
                du = (new - c) * (a + da) + c * da
                value = (
                    value + (self.penalty * du * (2 * c * a + du)).sum(axis=(1, 2)) / self.scale**2
                )
            value = np.where(np.isfinite(value) & self.inside(da, dc), value, inf)
            if not gradient:
                return (value,)
            t = (s + dR) * 2 / n / self.scale
            outer = (self.c + dc)[..., None]
            ga = ((outer * on) * t[:, None, :]) @ self.X
            gc = (relu * t[:, None, :]).sum(axis=-1)
            if self.penalty is not None:
                u = np.abs(outer) * (self.A + da)
                ga = ga + 2 * self.penalty * u * np.abs(outer) / self.scale**2
                gc = (
                    gc
                    + (2 * self.penalty * u * (self.A + da)).sum(axis=-1)
                    * np.sign(outer[..., 0])
                    / self.scale**2
                )
            return value, np.nan_to_num(ga), np.nan_to_num(gc)

    # --- directions ------------------------------------------------------------------------------

    def kink_directions(self, rng: np.random.Generator, limit: int = 60) -> list[tuple[int, Array]]:
        """Directions of one neuron that run along (nearly all of) its kinks within reach."""
        found: list[tuple[int, Array]] = []
        d = self.X.shape[1]
        with np.errstate(all="ignore"):
            sizes = np.abs(self.X).sum(axis=1)
            for i in range(len(self.c) - self.frozen):
                reach = np.flatnonzero((np.abs(self.z[i]) <= self.radius * sizes) & (sizes > 0))
                order = np.argsort(np.abs(self.z[i, reach]) / sizes[reach])
                near = reach[order]
                K = self.X[near] / sizes[near, None]
                if not len(near):
                    continue
                for cut in (1e-15, 1e-9, 1e-5):
                    P = np.linalg.pinv(K[: 3 * d], rcond=cut)
                    found += [(i, s * v) for v in P.T for s in (1, -1)]
                _, _, vt = np.linalg.svd(K, full_matrices=True)
                found += [(i, s * v) for v in vt for s in (1, -1)]
                for _ in range(limit):
                    size = int(rng.integers(1, d)) if d > 1 else 1
                    pick = rng.choice(len(near), size=min(size, len(near)), replace=False)
                    rows = K[pick]
                    if (
                        rng.random() < 0.5
                    ):  # the other directions of a nearly degenerate arrangement
                        rows = np.vstack([rows, vt[int(rng.integers(0, d)) :][: d - 1 - len(rows)]])
                    null = np.linalg.svd(rows, full_matrices=True)[2][min(len(rows), d - 1) :]
                    v = rng.normal(size=len(null)) @ null
                    found += [(i, v), (i, -v)]
        return found

    def minimizers(self, DA: Array, DC: Array) -> Array:
        """Along each direction the minimizer of theta's piece, and nearer, shape (P, 3)."""
        if self.problem.balanced:  # the output weights' derivative, from a small step
            step = self.radius * 1e-9
            DC = self.repair(DA * step, DC * step)[1] / step
        with np.errstate(all="ignore"):
            dz = DA @ self.X.T
            on = (self.z > 0) | ((self.z == 0) & (dz > 0))
            dR = (
                DC[..., None] * np.maximum(self.z, 0) + self.c[:, None] * np.where(on, dz, 0.0)
            ).sum(axis=1)
            dR, s = dR / self.scale, self.s / self.scale
            t = -(dR @ s) / (dR * dR).sum(axis=1)
            t = np.where(np.isfinite(t) & (t > 0), np.minimum(t, self.radius), 0.0)
        return t[:, None] * np.array([1.0, 0.5, 0.01])

    def newton(self, da: Array, dc: Array) -> tuple[Array, Array]:
        """A Gauss-Newton step of all neurons on the cell of one point."""
        m, d = self.A.shape
        with np.errstate(all="ignore"):
            z = self.z + da @ self.X.T
            on = z > 0
            c = self.c + dc
            J = np.concatenate(
                [
                    ((c[:, None] * on)[..., None] * self.X)
                    .transpose(1, 0, 2)
                    .reshape(len(self.s), m * d),
                    np.where(on, z, 0.0).T,
                ],
                axis=1,
            )
            D = np.where(self.z > 0, np.where(on, z - self.z, -self.z), np.where(on, z, 0.0))
            s = self.s + (dc[:, None] * np.where(on, z, 0.0) + self.c[:, None] * D).sum(axis=0)
            size = np.abs(J).max(axis=0)
            size[size == 0] = 1
            try:
                step = (
                    np.linalg.lstsq(np.nan_to_num(J / size), -np.nan_to_num(s), rcond=1e-13)[0]
                    / size
                )
            except np.linalg.LinAlgError:
                step = np.zeros(m * d + m)
        step = np.nan_to_num(step)
        return step[: m * d].reshape(m, d), step[m * d :]

    def run(
        self, rng: np.random.Generator, starts: int = 24, steps: int = 12
    ) -> list[tuple[float, Array, Array]]:
        """The lowest points found, as changes of the loss (true scale), da and dc."""
        m, d = self.A.shape
        r = self.radius
        grid = r * np.concatenate([[1.0, 0.5, 0.2, 0.05], 10.0 ** -np.arange(2, 13)])
        directions: list[tuple[Array, Array]] = []

        def add(a: Array, c: Array) -> None:
            size = max(float(np.abs(a).max(initial=0)), float(np.abs(c).max(initial=0)))
            if 0 < size < inf:
                directions.append((a / size, c / size))

        zero_a, zero_c = np.zeros((m, d)), np.zeros(m)
        _, ga, gc = self.change(zero_a[None], zero_c[None], gradient=True)
        add(-ga[0], -gc[0])
        add(-np.sign(ga[0]), -np.sign(gc[0]))
        newton_a, newton_c = self.newton(zero_a, zero_c)
        add(newton_a, newton_c)
        for i in range(m):
            for a, c in (
                (-ga[0, i], 0.0),
                (-np.sign(ga[0, i]), 0.0),
                (-ga[0, i], -gc[0, i]),
                (newton_a[i], newton_c[i]),
            ):
                A, C = zero_a.copy(), zero_c.copy()
                A[i], C[i] = a, c
                add(A, C)
            for sign in (1, -1):
                C = zero_c.copy()
                C[i] = sign
                add(zero_a, C)
                for j in range(d):
                    A = zero_a.copy()
                    A[i, j] = sign
                    add(A, zero_c)
                    add(A, C)
                    add(A, -C)
        for near in (0.0, r * 1e-2, r * 1e-5):
            for i, row in self.problem.guesses(self.theta, near):
                shift = max(max(v.bit_length() for v in row) - 900, 0)
                A = zero_a.copy()
                A[i] = [float(v >> shift) for v in row]
                add(A, zero_c)
        for i, v in self.kink_directions(rng):
            A = zero_a.copy()
            A[i] = v
            add(A, zero_c)
        for _ in range(starts):
            A, C = rng.normal(size=(m, d)), rng.normal(size=m)
            add(A, C)
            add(np.sign(A), np.sign(C))
            keep = rng.integers(0, m)
            mask = np.arange(m) == keep
            add(A * mask[:, None], C * mask)
        DA = np.array([a for a, _ in directions])
        DC = np.array([c for _, c in directions])
        ts = np.concatenate(
            [np.broadcast_to(grid, (len(DA), len(grid))), self.minimizers(DA, DC)], axis=1
        )
        da = (ts[..., None, None] * DA[:, None]).reshape(-1, m, d)
        dc = (ts[..., None] * DC[:, None]).reshape(-1, m)
        da, dc = self.repair(da, dc)
        (value,) = self.change(da, dc)
        value = value.reshape(ts.shape)
        best = value.argmin(axis=1)
        first = np.arange(len(DA)) * ts.shape[1] + best
        order = first[np.argsort(value.min(axis=1), kind="stable")][:starts]
        random = (
            rng.uniform(-1, 1, size=(starts, m, d))
            * r
            * 10.0 ** -rng.uniform(0, 6, size=(starts, 1, 1))
        )
        other = (
            rng.uniform(-1, 1, size=(starts, m)) * r * 10.0 ** -rng.uniform(0, 6, size=(starts, 1))
        )
        random, other = self.repair(random, other)
        pa, pc = np.concatenate([da[order], random]), np.concatenate([dc[order], other])
        (pv,) = self.change(pa, pc)
        tgrid = np.concatenate([[1.0, 0.3], 10.0 ** -np.arange(1, 8, 1.5)])
        for step in range(steps):
            _, ga, gc = self.change(pa, pc, gradient=True)
            P = len(pa)
            if step % 3 == 0:
                va, vc = -ga, -gc
                if step % 2:
                    va, vc = -np.sign(ga), -np.sign(gc)
            elif step % 3 == 1:
                mask = rng.integers(0, m, size=P)[:, None] == np.arange(m)
                va, vc = -ga * mask[..., None], -gc * mask
                coordinate = rng.random(P) < 0.5
                va[coordinate] = rng.normal(size=(int(coordinate.sum()), m, d))
                vc[coordinate] = rng.normal(size=(int(coordinate.sum()), m))
            else:
                va, vc = np.zeros_like(pa), np.zeros_like(pc)
                for p in np.argsort(pv)[: max(4, starts // 4)]:
                    va[p], vc[p] = self.newton(pa[p], pc[p])
            size = np.maximum(np.abs(va).max(axis=(1, 2)), np.abs(vc).max(axis=1))
            size[~(size > 0)] = 1
            length = np.where(
                np.arange(P) < P, np.minimum(2 * r, size if step % 3 == 2 else 2 * r), 0
            )
            va, vc = va / size[:, None, None], vc / size[:, None]
            ts = tgrid[None, :] * length[:, None]
            ca = (pa[:, None] + ts[..., None, None] * va[:, None]).reshape(-1, m, d)
            cc = (pc[:, None] + ts[..., None] * vc[:, None]).reshape(-1, m)
            ca, cc = self.repair(ca, cc)
            (cv,) = self.change(ca, cc)
            cv = cv.reshape(P, -1)
            b = cv.argmin(axis=1)
            better = cv[np.arange(P), b] < pv
            index = np.arange(P) * cv.shape[1] + b
            pa[better], pc[better] = ca[index][better], cc[index][better]
            pv = np.where(better, cv[np.arange(P), b], pv)
        order = np.argsort(pv)[:3]
        with np.errstate(over="ignore"):
            return [
                (float(pv[p] * np.float64(self.scale) ** 2), pa[p], pc[p])
                for p in order
                if pv[p] < 0
            ]


def falsify(
    problem: Problem,
    theta: Point,
    X: Array,
    y: Array,
    radius: float,
    slack: float,
    rng: np.random.Generator,
    effort: int = 1,
) -> Point | None:
    """A point inside the radius that proves ``L >= L(theta) - slack`` wrong, or None."""
    if not radius > 0:
        return None
    search = Search(problem, theta, X, y, radius)
    loss = None
    for value, da, dc in search.run(rng, starts=24 * effort, steps=12 * effort):
        if value > -slack * (1 - 1e-6):
            continue
        loss = problem.loss(theta) if loss is None else loss
        extra = search.new_signs(dc) if problem.balanced else dc
        candidate = problem.repaired(theta.moved(da, extra, problem.balanced))
        if problem.better(candidate, theta, radius, loss - Fraction(slack)):
            return candidate
    return None
