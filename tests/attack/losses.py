"""Attacks on certificates of other losses and of weight decay: `python -m tests.attack.losses`.

Points are near-degenerate on purpose: ends of descents on grids, duplicates and few samples, and
what is next to them. The judge evaluates losses in Arb's balls from their formulas. A `holds` is
refuted by a better point of the space within the radius, which random and descending searches look
for; a `violated` has to show a lower loss close to the point.
"""

import argparse
import json
import sys
from collections import Counter
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from flint import arb, ctx
from scipy.optimize import minimize

from landscape import Parametrization, certify_minimum, descend
from landscape.losses import WeightDecay, get_loss
from landscape.objective import mean_loss
from landscape.spaces import make_space
from tests.test_losses import in_balls

FORMS = {
    "squared": {},
    "huber": {"delta": 0.5},
    "quantile": {"tau": 0.7, "width": 0.25},
    "logistic": {},
    "poisson": {},
    "absolute": {},
    "pinball": {"tau": 0.75},
    "hinge": {},
}
#: Losses whose minima are proved in rationals.
RATIONAL = ("squared", "huber", "quantile", "absolute", "pinball", "hinge")
KINKED = ("absolute", "pinball", "hinge")


def draw(name, rng):
    """Space, data, and the form of the loss."""
    p, n, m = int(rng.integers(1, 3)), int(rng.integers(4, 25)), int(rng.integers(1, 4))
    kind = rng.integers(3)
    x = rng.normal(size=(n, p))
    if kind:
        x = rng.integers(-2, 3, (n, p)) * (1.0 if kind == 1 else 0.1)
    f = np.abs(x[:, 0]) - 0.5 + rng.normal() * x[:, -1]
    if name in ("logistic", "hinge"):
        y = (rng.random(n) < 1 / (1 + np.exp(-f))).astype(float)
    elif name == "poisson":
        y = rng.poisson(np.exp(np.clip(f, -3, 2))).astype(float)
    else:
        y = np.round(f + 0.3 * rng.standard_t(2, size=n), int(rng.integers(0, 6)))
    space = make_space(["restricted", "balanced", "unrestricted"][rng.integers(3)], p, m)
    form = {"loss": get_loss(name, **FORMS[name])}
    if rng.random() < 0.3:
        form["sample_weight"] = rng.integers(1, 4, n) * 1.0
    if rng.random() < 0.5:
        biases, offset = bool(rng.integers(2)), bool(rng.integers(2))
        form["weight_decay"] = WeightDecay(float(10 ** rng.uniform(-4, 0)), biases, offset)
    return space, x, y, form


class Judge:
    """The loss of parametrizations in balls, and in floats for searches."""

    def __init__(self, name, space, X, y, form):
        self.name, self.space, self.X, self.y = name, space, X, y
        self.w = np.asarray(form.get("sample_weight", np.ones(len(y))), dtype=float)
        self.decay = form.get("weight_decay", WeightDecay())
        self.offset = getattr(space, "offset", False)

    def loss(self, theta):
        """The loss at parameters, with the weight decay of the parameters in N."""
        a = [[arb(v) for v in row] for row in theta.weights.tolist()]
        c = [arb(v) for v in theta.output_weights.tolist()]
        rows = [[abs(out) * v for v in row] for row, out in zip(a, c, strict=True)]
        total = self.of_products(rows, [1 if out > 0 else -1 for out in c])
        if self.space.extra_inputs == 2 or self.decay.strength == 0:
            return total
        for row, out in zip(a[:-1], c[:-1], strict=True):
            gap = sum((v * v for v in self._penalized(row)), arb(0)).sqrt() - abs(out)
            total += arb(self.decay.strength) * gap * gap
        return total

    def _penalized(self, row):
        extra = self.space.extra_inputs
        bias = row[-1] if extra == 1 else row[-2] - row[-1]
        return [*row[: len(row) - extra], *([bias] if self.decay.biases else [])]

    def of_products(self, rows, signs):
        """The loss of products, rows of balls, with the least weight decay."""
        total = arb(0)
        for x, y, w in zip(self.X.tolist(), self.y.tolist(), self.w.tolist(), strict=True):
            value = arb(0)
            for i, (row, sign) in enumerate(zip(rows, signs, strict=True)):
                if self.offset and i == len(rows) - 1:  # the offset, of either sign
                    value += sign * row[-1]
                    continue
                z = sum((p * arb(q) for p, q in zip(row, x, strict=True)), arb(0))
                if z > 0:
                    value += sign * z
            if self.name not in ("logistic", "poisson", "hinge"):
                value -= arb(y)
            total += arb(w) * in_balls(self.name, FORMS[self.name], value, y)
        total /= arb(float(self.w.sum()))
        strength = arb(self.decay.strength)
        if self.offset:
            rows, offset = rows[:-1], rows[-1][-1]
            total += strength * offset * offset * int(self.decay.offset)
        for row in rows:
            square = sum((v * v for v in self._penalized(row)), arb(0))
            if square > 0:
                total += 2 * strength * square.sqrt()
        return total


def coordinates(space, theta):
    """Free coordinates of the space around theta, and the way back."""
    if space.name == "unrestricted":
        m = space.n_neurons - 1
        start = np.append(theta.weights[:m].ravel(), theta.output_weights)

        def back(v):
            rows = np.vstack([v[: m * space.n_inputs].reshape(m, -1), theta.weights[-1]])
            return Parametrization(rows, v[m * space.n_inputs :])

        return start, back
    signs = np.where(theta.output_weights < 0, -1.0, 1.0)
    start = theta.products.ravel()
    return start, lambda v: Parametrization.from_products(v.reshape(theta.weights.shape), signs)


def distance(one, two):
    parts = one.weights - two.weights, one.output_weights - two.output_weights
    return max(float(np.abs(part).max()) for part in parts)


def better(judge, theta, certificate, fast, rng):
    """A parametrization of the space within the radius that is better than the slack allows."""
    radius = min(certificate.radius, 100.0)
    start, back = coordinates(judge.space, theta)
    floor = fast(theta) - certificate.slack
    restricted = judge.space.name == "restricted"

    def inside(v):
        other = back(v)
        if restricted and not (other.weights[:, -2:] > 0).all():
            return None
        return other if distance(other, theta) <= radius else None

    best, least = None, np.inf
    sizes = radius * 10.0 ** rng.uniform(-6, 0.5, 60)
    for size in sizes:
        kick = rng.normal(size=start.size) * (rng.random(start.size) < rng.choice([0.2, 1.0]))
        other = inside(start + size * kick)
        if other is not None and (value := fast(other)) < least:
            best, least = other, value
    for size in radius * np.array([0.3, 1e-3]):
        low, high = start - size, start + size

        def value(v):
            other = inside(v)
            return 1e9 if other is None else min(fast(other), 1e9)

        first = np.clip(start + size * rng.uniform(-0.5, 0.5, start.size), low, high)
        end = minimize(value, first, bounds=list(zip(low, high, strict=True)), method="Powell",
                       options={"maxiter": 3, "maxfev": 300})  # fmt: skip
        other = inside(np.clip(end.x, low, high))
        if other is not None and fast(other) < least:
            best, least = other, fast(other)
    if best is None or least > floor + 1e-9 * (1 + abs(floor)):
        return None
    gap = judge.loss(best) - judge.loss(theta) + arb(certificate.slack)
    return best if gap < 0 else None


def fmpq_ball(x):
    """Slightly below a fraction."""
    return arb(x.numerator) / arb(x.denominator) - arb(2) ** -200


def falls(judge, theta, certificate, last=120):
    """Whether a lower loss was found next to theta, as a violation says."""
    at = judge.loss(theta)
    if certificate.direction is None:  # a neuron at 0, or one that is not balanced
        for k in range(2, 60, 4):
            for i in range(len(theta.output_weights)):
                for sign, new in product((2.0**-k, -(2.0**-k)), (0.0, 2.0**-k, -(2.0**-k))):
                    a, c = theta.weights.copy(), theta.output_weights.copy()
                    a[i], c[i] = a[i] * (1 + sign), c[i] / (1 + sign) + new * (c[i] == 0)
                    if judge.loss(Parametrization(a, c)) < at:
                        return True
        return False
    signs = np.where(theta.output_weights < 0, -1, 1)
    weights = list(zip(theta.weights.tolist(), theta.output_weights.tolist(), strict=True))
    rows = [[arb(p) * abs(arb(c)) for p in row] for row, c in weights]
    if judge.offset:
        rows[-1] = [arb(p) * arb(weights[-1][1]) for p in weights[-1][0]]
        signs[-1] = 1
    at = judge.of_products(rows, signs.tolist())
    direction = np.zeros(theta.weights.shape)
    direction[: len(certificate.direction)] = certificate.direction
    idle = (theta.output_weights == 0) & (np.arange(len(signs)) < len(signs) - judge.offset)
    for turned in (signs, np.where(idle, -signs, signs)):
        for k in range(-4, last, 4):
            moved = [
                [p + arb(2) ** -k * arb(q) for p, q in zip(row, v, strict=True)]
                for row, v in zip(rows, direction.tolist(), strict=True)
            ]
            if judge.of_products(moved, turned.tolist()) < at:
                return True
    return False


def attack(name, count, seed=0, first=0):
    """Counts of verdicts and of wrong ones; `count` problems, three points each."""
    counts = Counter()
    ctx.prec = 300
    for index in range(first, first + count):
        rng = np.random.default_rng([seed, index, *name.encode()])
        space, x, y, form = draw(name, rng)
        X = space.embed(x)
        # Descents of losses with a kink know no weight decay; certificates do.
        own = {k: v for k, v in form.items() if k != "weight_decay" or name not in KINKED}
        try:
            end = descend(space.sample(rng), X, y, space=space, max_iter=300, **own)
        except Exception as error:
            counts["crashes"] += 1
            print(name, index, "crash", type(error).__name__, error)
            continue
        counts[end.outcome.name.lower()] += 1
        judge = Judge(name, space, X, y, form)

        fast = partial(mean_loss, X=X, y=y, space=space, **form)

        points = [end.parametrization]
        start, back = coordinates(space, end.parametrization)
        for size in 10.0 ** rng.uniform(-14, -4, 2):
            v = start + size * rng.normal(size=start.size) * (rng.random(start.size) < 0.4)
            points.append(back(v))
        for point in points:
            if any(violation.condition != "C.2" for violation in space.violations(point)):
                continue
            counts["points"] += 1
            exact = name in RATIONAL and "weight_decay" not in form and index % 4 == 0
            certificate = certify_minimum(point, X, y, space=space, exact=exact, **form)
            counts[certificate.verdict.value] += 1
            counts["proved"] += bool(certificate.proved)
            if certificate.proved and not judge.loss(point) >= fmpq_ball(certificate.proof.loss):
                counts["false proofs"] += 1
                print(name, index, "false proof", certificate.proof)
            if certificate.is_minimum:
                value = judge.loss(point)
                if abs(float((value - arb(certificate.loss)).mid())) > 1e-9 * (
                    1 + certificate.loss
                ):
                    counts["wrong loss"] += 1
                    print(name, index, "wrong loss", value, certificate.loss)
                if better(judge, point, certificate, fast, rng) is not None:
                    counts["false holds"] += 1
                    print(name, index, "false holds", certificate)
            elif certificate.verdict.name == "VIOLATED" and not falls(judge, point, certificate):
                with ctx.workprec(3000):  # losses of separable classes reach 1e-150
                    if falls(judge, point, certificate, 2000):
                        continue
                counts["unconfirmed violated"] += 1
                print(name, index, "unconfirmed", space.name, certificate.reason)
    return counts


WRONG = ("false holds", "false proofs", "unconfirmed violated", "wrong loss", "crashes")
COLUMNS = ("points", "holds", "violated", "undecided", *WRONG, "proved", "minimum",
           "iteration_limit", "stalled", "border", "no_minimum")  # fmt: skip
CHUNK = 5


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.attack.losses", description=__doc__)
    parser.add_argument("losses", nargs="*", default=list(FORMS), help="default: all")
    parser.add_argument("--points", type=int, default=360, help="of each loss (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--journal", type=Path, help="file of finished parts, to resume from")
    parser.add_argument("--publish", action="store_true", help="write the table to docs/attack.md")
    options = parser.parse_args()
    count = -(-options.points // 3)
    tasks = [
        (name, min(CHUNK, count - first), options.seed, first)
        for name in options.losses
        for first in range(0, count, CHUNK)
    ]
    counts = {name: Counter() for name in options.losses}
    done = {}
    if options.journal and options.journal.exists():
        for line in options.journal.read_text().splitlines():
            task, found = json.loads(line)
            done[tuple(task)] = found
    left = [task for task in tasks if task not in done]
    with get_context("spawn").Pool(options.jobs) as pool:
        for task, found in zip(left, pool.imap(work, left), strict=True):
            done[task] = found
            print(*task, dict(found), file=sys.stderr, flush=True)
            if options.journal:
                with options.journal.open("a") as file:
                    file.write(json.dumps([task, found]) + "\n")
    for task in tasks:
        counts[task[0]].update(done[task])
    lines = ["| loss | " + " | ".join(COLUMNS).replace("_", " ") + " |"]
    lines.append("|---|" + "---:|" * len(COLUMNS))
    for name, found in counts.items():
        lines.append(f"| {name} | " + " | ".join(str(found[key]) for key in COLUMNS) + " |")
    print("\n".join(lines))
    wrong = sum(found[key] for found in counts.values() for key in WRONG)
    if options.publish:
        path, mark = Path(__file__).parents[2] / "docs" / "attack.md", "<!-- losses -->"
        before, _, after = path.read_text().split(mark)
        said = f"Seed {options.seed}, {options.points} points each: {wrong} wrong statements."
        path.write_text(f"{before}{mark}\n\n{said}\n\n" + "\n".join(lines) + f"\n\n{mark}{after}")
    return bool(wrong)


def work(task):
    return attack(*task)


if __name__ == "__main__":
    sys.exit(main())
