"""What the study asks of minima: by kind of file, the rows measured and what measures them.

This list is read by the rules and by the scripts of the workflow: a new step is a function that
takes a cell and its minima and returns rows, and its entry here. Importing this imports no step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from landscape.rows import Row
from landscape.study.rows import Control, Converse, Natural, Pair, Probe

__all__ = ["STEPS", "Step"]


@dataclass(frozen=True)
class Step:
    """One thing that is asked of the minima of a cell.

    Attributes
    ----------
    key : str
        Section of the configuration with its options.
    table : type of Row
    source : str
        ``module:function`` of what measures it, called as ``function(cell, minima, **options,
        progress=progress)``.
    """

    key: str
    table: type[Row]
    source: str

    @property
    def measure(self) -> Callable[..., Any]:
        """What measures it, imported when it is asked for."""
        module, function = self.source.split(":")
        measure: Callable[..., Any] = getattr(import_module(module), function)
        return measure


_HERE = "landscape.study"

#: Steps by kind of file, which is the name of their table.
STEPS = {
    "probes": Step("probe", Probe, f"{_HERE}.probes:probe_minima"),
    "controls": Step("controls", Control, f"{_HERE}.controls:follow_controls"),
    "pairs": Step("pairs", Pair, f"{_HERE}.pairs:measure_pairs"),
    "natural": Step("natural", Natural, f"{_HERE}.probes:examine_minima"),
    "converse": Step("converse", Converse, f"{_HERE}.converse:draw_converse"),
}
