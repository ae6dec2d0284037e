"""One point: what the package says of it, and whether that is true."""

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, isfinite
from typing import Any

import numpy as np

from landscape import certify_minimum, descend
from tests.attack.families import FAMILIES, Instance
from tests.attack.judge import Point, Problem, Row
from tests.attack.optimizer import falsify

#: A certificate whose slack is more of the loss is worth nothing; "global" says slack = loss.
LARGEST_SLACK = Fraction(1, 10**6)
#: The mean square of the residuals of a "global" minimum, relative to that of the targets.
LARGEST_GLOBAL = Fraction(1, 10**19)

COLUMNS = (
    *("points", "holds", "violated", "undecided", "refused"),
    *("false holds", "worthless holds", "false violated", "false global"),
    *("contradictions", "false proofs", "crashes", "proved", "unjudged", "disputed"),
)
#: None of these may happen.
WRONG = COLUMNS[5:12]


@dataclass
class Judgement:
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def say(self, column: str, note: str) -> None:
        self.counts[column] += 1
        self.notes.append(f"{column}: {note}")


def draw(name: str, seed: int, index: int) -> Instance:
    return FAMILIES[name](_generator(name, seed, index))


def _generator(name: str, seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng(
        [seed, sum(b * 257**i for i, b in enumerate(name.encode())) % 2**32, index]
    )


def judge_point(name: str, seed: int, index: int) -> Judgement:
    result = Judgement()
    try:
        x = draw(name, seed, index)
    except Exception as error:  # a family descends: that is an attack, too
        result.say("crashes", f"while drawing: {type(error).__name__}: {error}")
        result.counts["points"] += 1
        return result
    judge_instance(x, result, np.random.default_rng([seed, index]))
    return result


def judge_instance(x: Instance, result: Judgement, rng: np.random.Generator) -> None:
    result.counts["points"] += 1
    problem, theta = Problem(x.X, x.y, x.space, x.penalty), Point.of(x.theta)
    if x.truth is not None and problem.is_minimum(theta)[0] is not x.truth:
        raise AssertionError("the judge contradicts the construction")
    try:
        certificate = certify_minimum(
            x.theta, x.X, x.y, space=x.space, penalty=x.penalty, exact=x.exact
        )
    except ValueError as error:
        if x.descended:
            result.say("contradictions", f"descend's end is refused: {error}")
        result.counts["refused"] += 1
        result.notes.append(f"refused: {error}")
        return
    except Exception as error:
        result.say("crashes", f"{type(error).__name__}: {error}")
        return
    judge_certificate(x, problem, theta, certificate, result, rng)


def judge_certificate(
    x: Instance,
    problem: Problem,
    theta: Point,
    certificate: Any,
    result: Judgement,
    rng: np.random.Generator,
) -> None:
    verdict = str(certificate.verdict.value)
    result.counts[verdict] += 1
    loss = problem.loss(theta)
    if verdict == "holds":
        judge_holds(x, problem, theta, loss, certificate, result, rng)
    elif verdict == "violated":
        judge_violated(problem, theta, certificate, result)
    if x.descended and verdict != "holds":
        result.say(
            "contradictions", f"descend says MINIMUM, certify says {verdict}: {certificate.reason}"
        )
    if not x.descended and verdict == "violated" and rng.random() < 0.05:
        judge_descent(x, theta, result)
    proof = getattr(certificate, "proof", None)
    if x.exact and proof is not None:
        judge_proof(x, problem, theta, loss, certificate, proof, result, rng)


def judge_holds(
    x: Instance,
    problem: Problem,
    theta: Point,
    loss: Fraction,
    certificate: Any,
    result: Judgement,
    rng: np.random.Generator,
) -> None:
    radius, slack = float(certificate.radius), float(certificate.slack)
    if not radius > 0 or not slack >= 0:
        result.say("worthless holds", f"radius {radius}, slack {slack}")
        return
    if not same_loss(x, float(certificate.loss), float(loss)):
        result.say("false holds", f"loss {certificate.loss}, in truth {float(loss)}")
    if certificate.kind == "global":
        mean = sum(Fraction(v) ** 2 for v in x.y.tolist()) / len(x.y)
        if not mean:  # targets of 0 have no size: that of the terms that are summed
            terms = np.abs(x.X) @ np.abs(x.theta.weights.T)
            seen = -1e-13 * terms < x.X @ x.theta.weights.T
            terms = (seen * terms) @ np.abs(x.theta.output_weights)
            mean = sum(Fraction(float(v)) ** 2 for v in terms) / len(x.y)
        if loss > LARGEST_GLOBAL * mean:
            result.say(
                "false global", f"loss {float(loss):.3g}, targets' mean square {float(mean):.3g}"
            )
        if Fraction(slack) < loss:
            result.say("false holds", f"global: slack {slack:.3g} below the loss {float(loss):.3g}")
        return
    if Fraction(slack) > LARGEST_SLACK * loss * Fraction(1001, 1000):  # the loss is rounded
        result.say("worthless holds", f"slack {slack:.3g}, loss {float(loss):.3g}")
    better = falsify(problem, theta, x.X, x.y, radius, slack, rng, 2 if rng.random() < 0.1 else 1)
    if better is not None:
        gain = loss - problem.loss(better)
        result.say(
            "false holds",
            f"{certificate.kind}, radius {radius:.3g}, slack {slack:.3g}, loss {float(loss):.3g}: "
            f"at distance {float(better.distance(theta)):.3g} lower by {float(gain):.3g}",
        )


def same_loss(x: Instance, stated: float, loss: float) -> bool:
    """Whether a loss is stated up to the rounding of the terms that residuals are sums of.

    Those of samples that rounding puts onto a kink are among them.
    """
    z, terms = x.X @ x.theta.weights.T, np.abs(x.X) @ np.abs(x.theta.weights.T)
    sizes = np.where(z > -1e-14 * terms, terms, 0) * np.abs(x.theta.output_weights)
    unit = float((np.abs(x.y) + sizes.sum(axis=1)).max()) * 1e-14
    return abs(np.sqrt(stated) - np.sqrt(loss)) <= 1e-9 * np.sqrt(loss) + unit + 1e-150


def judge_violated(problem: Problem, theta: Point, certificate: Any, result: Judgement) -> None:
    if problem.outside(theta) == 0 and direction_descends(problem, theta, certificate):
        return
    inside = problem.within(theta)
    minimum, _, _ = problem.is_minimum(inside)
    if minimum is None:
        result.counts["unjudged"] += 1
    elif minimum and inside is theta:
        result.say("false violated", f"an exact minimum; {certificate.kind}: {certificate.reason}")
    elif minimum:  # theta itself is outside of the bounds by rounding: no point of the space
        result.counts["disputed"] += 1


def direction_descends(problem: Problem, theta: Point, certificate: Any) -> bool:
    """Whether the certificate's own direction proves it, exactly; quicker than a full decision."""
    direction = getattr(certificate, "direction", None)
    if direction is None:
        return False
    direction = np.asarray(direction, dtype=float)
    if direction.shape != (len(theta.outputs), problem.d) or not np.isfinite(direction).all():
        return False
    for (slope, both), v in zip(problem.slopes(theta), direction, strict=True):
        if not both and v.any():
            ratios = [float(t).as_integer_ratio() for t in v]
            common = max(q for _, q in ratios)
            row: Row = [p * (common // q) for p, q in ratios]
            if slope.descent(row):
                return True
    return False


def judge_descent(x: Instance, theta: Point, result: Judgement) -> None:
    """A descent from a point that is no minimum has to leave it, and to end as certified."""
    try:
        end = descend(x.theta, x.X, x.y, space=x.space, penalty=x.penalty)
        if end.outcome.name != "MINIMUM":
            return
        again = certify_minimum(end.parametrization, x.X, x.y, space=x.space, penalty=x.penalty)
    except ValueError:
        return
    except Exception as error:
        result.say("crashes", f"descend: {type(error).__name__}: {error}")
        return
    if str(again.verdict.value) != "holds":
        result.say(
            "contradictions",
            f"descend says MINIMUM, certify says {again.verdict.value}: {again.reason}",
        )


def judge_proof(
    x: Instance,
    problem: Problem,
    theta: Point,
    loss: Fraction,
    certificate: Any,
    proof: Any,
    result: Judgement,
    rng: np.random.Generator,
) -> None:
    """The proof's exact point: a minimum, in the space, as near as it says."""
    verdict = getattr(proof, "verdict", None)
    if verdict is not None and str(getattr(verdict, "value", verdict)) == "violated":
        if problem.is_minimum(problem.within(theta))[0] and problem.outside(theta) == 0:
            result.say("false proofs", f"refuted, but an exact minimum: {proof.reason}")
        return
    if not proof.proved:
        return
    result.counts["proved"] += 1
    offset = problem.offset
    products = [[Fraction(v) for v in row] for row in proof.products]
    if products and len(products[0]) == problem.d - 1:  # of lifted data, (w, p - q)
        products = [
            unfolded(row, u, problem) for row, u in zip(products, theta.products, strict=True)
        ]
    if offset and len(products) < len(theta.outputs):
        products.append([Fraction(0)] * (problem.d - 1) + [abs(Fraction(proof.offset))])
    outputs = list(theta.outputs)
    if offset:
        outputs[-1] = Fraction(proof.offset)
    weights = []
    for row, a, c in zip(products, theta.weights, outputs, strict=True):
        weights.append(tuple(u / abs(c) for u in row) if c else a)
    if offset:
        weights[-1] = (*[Fraction(0)] * (problem.d - 1), Fraction(1))
    # With theta's output weights the products are the proof's: enough for loss, bounds, minimality.
    for row, c in zip(products, outputs, strict=True):
        if c == 0 and any(row):
            result.say("false proofs", "a product that is not 0 where the output weight is")
            return
    point = Point(tuple(weights), tuple(outputs))
    if problem.outside(point, strict=True) > 0:
        result.say(
            "false proofs",
            f"outside of the space by {float(problem.outside(point, strict=True)):.3g}",
        )
    minimum, neuron, _ = problem.is_minimum(point)
    if minimum is False:
        result.say("false proofs", f"not a minimum: neuron {neuron}")
    value = problem.loss(point)
    if (
        proof.loss is not None
        and not problem.balanced
        and abs(Fraction(proof.loss) - value) > value / 10**9
    ):
        result.say("false proofs", f"loss {float(proof.loss):.6g}, in truth {float(value):.6g}")
    distance = Fraction(float(proof.distance)) if isfinite(proof.distance) else None
    if distance is not None and not near(theta, products, outputs, distance, problem.balanced):
        result.say("false proofs", f"farther from theta than {float(distance):.3g}")
    radius = float(proof.radius)
    if radius > 0 and proof.loss is not None:
        below = loss - Fraction(proof.loss)
        better = falsify(problem, theta, x.X, x.y, min(radius, 1e300), max(float(below), 0.0), rng)
        if better is not None and problem.loss(better) < Fraction(proof.loss):
            result.say("false proofs", f"within {radius:.3g} of theta a loss below the proof's")


def unfolded(effective: list[Fraction], u: list[Fraction], problem: Problem) -> list[Fraction]:
    """Products (w, p, q) of the given p - q next to u, within the bounds."""
    change = effective[-1] - (u[-2] - u[-1])
    p, q = u[-2] + change / 2, u[-1] - change / 2
    if problem.restricted:
        shift = max(problem.margin - min(p, q), 0)
        p, q = p + shift, q + shift
        if problem.bound is not None:
            shift = max(max(p, q) - problem.bound, 0)
            p, q = p - shift, q - shift
    return [*effective[:-1], p, q]


def near(
    theta: Point,
    products: list[list[Fraction]],
    outputs: list[Fraction],
    distance: Fraction,
    balanced: bool,
) -> bool:
    """Whether some (a, c) with ``|c| a`` = products is at most ``distance`` from theta."""
    for row, a, c in zip(products, theta.weights, outputs, strict=True):
        size = max(map(abs, row))
        if balanced:
            # a = u / sqrt(size), c = sqrt(size): lo <= sqrt(size) <= hi, in rationals
            lo, hi = root(size)
            bad = max(lo - abs(c), abs(c) - hi) > distance
            if size:
                for u, v in zip(row, a, strict=True):
                    low, high = sorted((u / hi, u / lo))
                    bad |= low - v > distance or v - high > distance
            else:
                bad |= max(map(abs, a)) > distance
            if bad:
                return False
        elif c:
            tries = (abs(c), abs(c) + distance, abs(c) - distance)
            if not any(
                t > 0 and all(abs(u / t - v) <= distance for u, v in zip(row, a, strict=True))
                for t in tries
            ):
                return False
    return True


def root(value: Fraction) -> tuple[Fraction, Fraction]:
    """Rationals around a square root, relatively 1e-40 apart."""
    from math import isqrt

    if value == 0:
        return Fraction(0), Fraction(0)
    shift = max(0, 300 + value.denominator.bit_length() - value.numerator.bit_length())
    scaled = (value.numerator << (2 * shift)) // value.denominator
    r = isqrt(scaled)
    return Fraction(r, 1 << shift), Fraction(r + 1, 1 << shift)


Task = tuple[str, int, int, int]
Outcome = tuple[str, Counter[str], list[tuple[int, str]], float]


def work(task: Task) -> Outcome:
    name, seed, first, last = task
    counts: Counter[str] = Counter()
    notes: list[tuple[int, str]] = []
    start = time.process_time()
    for index in range(first, last):
        try:
            judged = judge_point(name, seed, index)
        except Exception:
            counts["harness errors"] += 1
            notes.append((index, "harness errors: " + traceback.format_exc(limit=-4)))
            continue
        counts.update(judged.counts)
        notes += [(index, note) for note in judged.notes]
    return name, counts, notes, time.process_time() - start


__all__ = [
    "COLUMNS",
    "WRONG",
    "Judgement",
    "draw",
    "inf",
    "judge_certificate",
    "judge_instance",
    "judge_point",
    "work",
]
