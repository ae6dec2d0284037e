"""What the study asks of minima: by kind of file, the rows measured and what measures them.

This list is read by the rules and by the scripts of the workflow: a new step is a function that
takes a cell and its minima and returns rows, and its entry here. Importing this imports no step.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from landscape.rows import Row
from landscape.study.rows import Control, Converse, Natural, Pair, Probe

__all__ = ["STEPS", "Step"]


class Step(NamedTuple):
    """A section of the configuration, and what gives the table's rows with its options.

    ``source`` names a function of this package, ``module:function``, called as
    ``function(cell, minima, **options, progress=progress)``.
    """

    key: str
    table: type[Row]
    source: str

    @property
    def measure(self) -> Callable[..., Any]:
        """What measures it, imported when it is asked for."""
        module, function = self.source.split(":")
        measure: Callable[..., Any] = getattr(import_module(f"landscape.study.{module}"), function)
        return measure


#: Steps by kind of file, which is the name of their table.
STEPS = {
    "probes": Step("probe", Probe, "probes:probe_minima"),
    "controls": Step("controls", Control, "controls:follow_controls"),
    "pairs": Step("pairs", Pair, "pairs:measure_pairs"),
    "natural": Step("natural", Natural, "probes:examine_minima"),
    "converse": Step("converse", Converse, "converse:draw_converse"),
}
