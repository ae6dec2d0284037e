"""What the study asks of minima: by kind of file, the rows measured and what measures them.

This list is read by the rules and by the scripts of the workflow: a new step is a function that
takes a cell and its minima and returns rows, and its entry here. Importing this imports no step.
"""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, NamedTuple

from landscape.rows import Row
from landscape.study.rows import Control, Converse, Natural, Pair, Probe


class Step(NamedTuple):
    """A section of the configuration, a table, and ``module:function`` of what measures its rows.

    That is called as ``function(cell, minima, **options, progress=progress)``.
    """

    key: str
    table: type[Row]
    source: str

    @property
    def measure(self) -> Callable[..., Any]:
        """What measures them, imported when it is asked for."""
        measure: Callable[..., Any] = resolve_name(f"landscape.study.{self.source}")
        return measure


#: Steps by kind of file, which is the name of their table.
STEPS = {
    "probes": Step("probe", Probe, "probes:probe_minima"),
    "controls": Step("controls", Control, "controls:follow_controls"),
    "pairs": Step("pairs", Pair, "pairs:measure_pairs"),
    "natural": Step("natural", Natural, "probes:examine_minima"),
    "converse": Step("converse", Converse, "converse:draw_converse"),
}
