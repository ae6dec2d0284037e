"""The families of claims, and the row of a claim.

A family is a module of this package: its docstring is what was asked, its function ``rows``
computes the rows and may draw a figure of what it computed. Nothing in a row but what is claimed
and predicted is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from landscape.rows import Row, column
from landscape.streams import stream
from landscape.verdict import Judgement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Families of claims, in the order of the page; ``linear-fits`` is the module ``linear_fits``.
FAMILIES = (
    "linear-fits", "splitting", "connectivity", "critical-widths", "regions", "population",
    "training-ends", "norms",
)  # fmt: skip


def judged(holds: bool, otherwise: Judgement = Judgement.REFUTED) -> Judgement:
    """Confirmed where it holds."""
    return Judgement.CONFIRMED if holds else otherwise


class Source(NamedTuple):
    """A publication: how it is cited, where it is, and how much of it was read."""

    cited: str
    where: str
    read: str


class Claim(Row):
    """One published claim: what it says, what was computed, and what came out."""

    name = "claims"
    claim: str = column("Its key.", key=True)
    family: str = column("What `landscape claims --only` calls the family.")
    source: str = column("Authors, year, arXiv number or DOI.")
    source_read: str = column("What of the source was read for this row: yes, abstract, in part.")
    statement: str = column("What is claimed, in our words.")
    data: str = column("On which data: exact, or random with their seed.")
    computation: str = column("What was computed.")
    predicted: str = column("What the claim says will come out.")
    measured: str = column("What came out.")
    uncertainty: str = column("Interval, or how the number was obtained.")
    verdict: str = column("confirmed, confirmed with correction, refuted or undecided.")
    note: str = column("What a reader should know; the correction, if there is one.")
    command: str = column("Computes this row.")


@dataclass(frozen=True)
class Effort:
    """How much is computed, and the seed of all random numbers."""

    quick: bool = False
    seed: int = 0

    def of(self, full: int, quick: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full

    def rng(self, *keys: str | int) -> np.random.Generator:
        """The random numbers of one purpose."""
        return stream(self.seed, "claims", *keys)

    @property
    def seeded(self) -> str:
        """How the seed is told."""
        return f"seed {self.seed}"


class Found(NamedTuple):
    """What a family of claims found: its rows, and what draws its figure."""

    rows: Sequence[Claim]
    draw: Callable[[], Figure] | None = None


class Family(NamedTuple):
    """A family of claims; see the module."""

    key: str
    title: str
    asked: str
    caption: str
    rows: Callable[[Effort], Found]


def load(key: str) -> Family:
    """A family by its key; a ValueError that lists all if there is none."""
    if key not in FAMILIES:
        raise ValueError(f"--only: no family of claims {key!r}; there are {', '.join(FAMILIES)}")
    module = import_module(f"landscape.claims.{key.replace('-', '_')}")
    title, _, asked = (module.__doc__ or "").partition("\n")
    caption = " ".join(getattr(module, "CAPTION", "").split())
    return Family(key, title.strip().rstrip("."), " ".join(asked.split()), caption, module.rows)


def claim(effort: Effort, source: Source, family: str, key: str, **columns: str) -> Claim:
    """A row of a family, with the command that computes it; exact, if no uncertainty is given."""
    command = f"landscape claims --only {family} --seed {effort.seed}"
    command += " --quick" * effort.quick
    cited = f"{source.cited}, {source.where}"
    columns = {"note": "", "uncertainty": "exact, in rationals"} | columns
    own = {name: " ".join(text.split()) for name, text in columns.items()}
    where = {"claim": key, "family": family, "source": cited, "source_read": source.read}
    return Claim(**where, command=command, **own)


def interval(successes: int, trials: int) -> str:
    """The 95 % interval of Clopper and Pearson for a share.

    Examples
    --------
    >>> interval(10, 10)
    '69.2 to 100 % (Clopper and Pearson, 95 %)'
    """
    return intervals([bounds(successes, trials)])


def intervals(ends: Iterable[tuple[float, float]]) -> str:
    """The ends of several such intervals, as they are told."""
    told = ", ".join(f"{100 * low:.3g} to {100 * high:.3g}" for low, high in ends)
    return f"{told} % (Clopper and Pearson, 95 %)"


def bounds(successes: int, trials: int) -> tuple[float, float]:
    """The ends of `interval`."""
    from scipy.stats import binomtest  # slow to import

    ends = binomtest(successes, trials).proportion_ci(0.95, method="exact")
    return float(ends.low), float(ends.high)
