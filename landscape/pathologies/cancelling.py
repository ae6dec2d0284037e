"""Example 2.4: opposite weight vectors that parametrize the zero function, with spare neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from landscape.exact import Number, Vector, dot, max_norm, vector
from landscape.parametrization import Parametrization
from landscape.pathologies.base import Claim, Pathology, Rows, at_least, at_most, exact_distance
from landscape.rational import RationalFunction, line_gap

__all__ = ["CancellingWeights"]


def _parallel(x: Vector, y: Vector) -> bool:
    pairs = [(i, j) for i in range(len(x)) for j in range(i)]
    return all(x[i] * y[j] == x[j] * y[i] for i, j in pairs)


@dataclass(frozen=True)
class CancellingWeights(Pathology):
    """Example 2.4 for any admissible a_1, ..., a_m and v, in any dimension d >= 2.

    Γ = (±a_i, ±1) with a_1 + ... + a_m = 0 realizes zero, and g_k = relu(<v, x>) / k. Some neuron
    of any Φ lies on v's hyperplane, so the distance is at least
    ``D = min_i min_t ‖a_i - t v‖_inf``, for every k. And it is D wherever the following fits:
    neurons ±a_i become ±λ v with output weights ±1 + δ, 2 δ λ = 1/k, which leaves a linear function
    that the other pairs take up, each by moving (a_i - λ v ± δ λ v) / (m - 1).

    Parameters
    ----------
    vectors : sequence of m >= 3 vectors of max-norm one
        Pairwise linearly independent, with sum zero; floats are taken exactly.
    v : vector of max-norm one
        Linearly independent of each of them.

    Raises
    ------
    ValueError
        If one of these assumptions fails.
    """

    vectors: tuple[Vector, ...]
    v: Vector

    example: ClassVar[str] = "2.4"
    title: ClassVar[str] = "Failure due to opposite weight vectors 1"
    condition: ClassVar[str] = "C.3a"

    def __init__(self, vectors: Sequence[Sequence[Number]], v: Sequence[Number]) -> None:
        rows, direction = tuple(vector(a) for a in vectors), vector(v)
        d = len(direction)
        if d < 2 or any(len(a) != d for a in rows):
            raise ValueError("vectors: expected vectors of one dimension d >= 2, as v")
        if len(rows) < 3:
            raise ValueError(f"vectors: expected at least 3, got {len(rows)}")
        if any(max_norm(a) != 1 for a in (*rows, direction)):
            raise ValueError("vectors, v: expected max-norm one")
        if any(sum(column) for column in zip(*rows, strict=True)):
            raise ValueError("vectors: expected sum zero")
        everything = (*rows, direction)
        for j, b in enumerate(everything):
            if any(_parallel(a, b) for a in everything[:j]):
                raise ValueError("vectors, v: expected pairwise linear independence")
        object.__setattr__(self, "vectors", rows)
        object.__setattr__(self, "v", direction)

    @classmethod
    def of_figure_4(cls) -> CancellingWeights:
        """The instance of Figure 4."""
        half = Fraction(1, 2)
        return cls([(1, -half), (-1, -half), (0, 1)], (1, 0))

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """(25)."""
        negative = tuple(tuple(-p for p in a) for a in self.vectors)
        m = len(self.vectors)
        outputs = (Fraction(1),) * m + (Fraction(-1),) * m
        return self.vectors + negative, outputs, Fraction(0)

    def phi(self, k: int) -> Parametrization:
        """(26): one neuron, the others silent."""
        n = 2 * len(self.vectors)
        rows = [[float(p) for p in self.v]] + [[0.0] * len(self.v)] * (n - 1)
        return Parametrization(rows, [1.0 / k] + [0.0] * (n - 1))

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """0 (Lemma A.3) and (26)."""
        rows, outputs, _ = self.gamma_exact(k)
        gamma = RationalFunction.from_weights(rows, outputs)
        return gamma, RationalFunction(len(self.v), ((1, tuple(p / k for p in self.v)),))

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """D below; the distance of the constructed parametrization above."""
        lower = min(line_gap(a, self.v)[0] for a in self.vectors)
        return lower, self._construction(k)[0]

    def distance(self, k: int) -> tuple[Fraction, Fraction]:
        """Bracket of the distance; that the construction parametrizes g_k is checked exactly."""
        lower = min(line_gap(a, self.v)[0] for a in self.vectors)
        upper, rows, outputs = self._construction(k)
        built = RationalFunction.from_weights(rows, outputs)
        if not built.same_as(self.realizations(k)[1]):
            raise ArithmeticError(f"example 2.4, k = {k}: the construction misses g_k")
        return lower, upper

    def nearest(self, k: int) -> Parametrization:
        """The constructed parametrization."""
        _, rows, outputs = self._construction(k)
        return Parametrization(
            [[float(p) for p in row] for row in rows], [float(c) for c in outputs]
        )

    def _construction(self, k: int) -> tuple[Fraction, Rows, Vector]:
        """The best of the constructed parametrizations over i and a few λ."""
        gamma_rows, gamma_outputs, _ = self.gamma_exact(k)
        found = []
        for i, a in enumerate(self.vectors):
            gap, low, high = line_gap(a, self.v)
            small = Fraction(1, k)
            scales = {low, high, high + small, low - small, (low + high) / 2}
            for scale in scales - {Fraction(0)}:
                rows, outputs = self._place(k, i, scale)
                value = exact_distance(gamma_rows, gamma_outputs, rows, outputs)
                found.append((value, gap, i, rows, outputs))
        value, _, _, rows, outputs = min(found, key=lambda entry: entry[:3])
        return value, rows, outputs

    def _place(self, k: int, i: int, scale: Fraction) -> tuple[Rows, Vector]:
        """Neurons ±a_i on the hyperplane of v with scale λ, the other pairs make up for it."""
        m = len(self.vectors)
        delta = 1 / (2 * k * abs(scale))
        turn = 1 - delta if scale > 0 else 1 + delta
        share = tuple(
            (p - turn * scale * q) / (m - 1) for p, q in zip(self.vectors[i], self.v, strict=True)
        )
        positive = []
        for j, a in enumerate(self.vectors):
            moved = tuple(p + q for p, q in zip(a, share, strict=True))
            positive.append(tuple(scale * q for q in self.v) if j == i else moved)
        rows = tuple(positive) + tuple(tuple(-p for p in row) for row in positive)
        outputs = [Fraction(1)] * m + [Fraction(-1)] * m
        outputs[i] += delta
        outputs[m + i] += delta
        return rows, tuple(outputs)

    def paper_constant_squared(self, *, as_printed: bool = False) -> Fraction:
        """C² of (27) from (83); as printed it needs ‖v‖_2 = 1 and can be negative.

        Examples
        --------
        a = (1, 1/2), v = (1, 1): 5/4 - 9/4 = -1 as printed, 5/4 - 9/8 = 1/8 with ‖v‖_2² = 2;
        both are divided by d.

        >>> half = Fraction(1, 2)
        >>> example = CancellingWeights([(1, half), (-1, half), (0, -1)], (1, 1))
        >>> example.paper_constant_squared(as_printed=True), example.paper_constant_squared()
        (Fraction(-1, 2), Fraction(1, 16))
        """
        size = Fraction(1) if as_printed else dot(self.v, self.v)
        values = [dot(a, a) - dot(a, self.v) ** 2 / size for a in self.vectors]
        return min(values) / len(self.v)

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(27) with the constant that (83) gives when it divides by ‖v‖_2²."""
        square = self.paper_constant_squared()
        constant = float(square) ** 0.5
        return (
            Claim(
                "‖Φ_k - Γ‖ >= C with C from (83)",
                constant,
                float(distance[0]),
                square > 0 and distance[0] ** 2 >= square,
            ),
            at_least("‖Φ_k - Γ‖ > 0", distance, Fraction(1, 10**9)),
            at_most("|R(Φ_k) - R(Γ)| <= 1/k", seminorm, Fraction(1, k)),
        )
