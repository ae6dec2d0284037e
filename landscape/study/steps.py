"""What the study asks of minima: by kind of file, the rows measured and what measures them.

This list is read by the rules and by the scripts of the workflow: a new step is a function that
takes a cell and its minima and returns rows, and its entry here. Importing this imports no step.
"""

from typing import NamedTuple

from landscape.rows import Row
from landscape.study.rows import Control, Converse, Natural, Pair, Probe


class Step(NamedTuple):
    """One thing that is asked of the minima of a cell."""

    key: str  #: Section of the configuration with its options.
    table: type[Row]
    source: str  #: Of a function that is called with cell, minima, these options and ``progress``.


#: Steps by kind of file, which is the name of their table.
STEPS = {
    "probes": Step("probe", Probe, "landscape.study.probes:probe_minima"),
    "controls": Step("controls", Control, "landscape.study.controls:follow_controls"),
    "pairs": Step("pairs", Pair, "landscape.study.pairs:measure_pairs"),
    "natural": Step("natural", Natural, "landscape.study.probes:examine_minima"),
    "converse": Step("converse", Converse, "landscape.study.converse:draw_converse"),
}
