"""Balls of realization space, solved instead of sampled: tests of Proposition 1.2.

`rigid` decides whether the realization of a minimum is a minimum on its W^{1,inf} ball, as long as
that holds only rescalings of its neurons; `exchange` searches larger balls. `ridge` finds the best
neuron that could be added; `controls` builds degenerate minima for which the implication must fail;
`natural` looks at minima of N' and N as training finds them.
"""

from landscape.probe._choices import ExchangeBudget
from landscape.probe.controls import (
    CONTROLS,
    Control,
    degenerate_like,
    opposite_control,
    redundant_control,
    unbalanced_control,
    with_ridge,
)
from landscape.probe.exchange import BallSearch, search_ball
from landscape.probe.natural import Natural, ReducedWidth, examine_minimum, reduce_width
from landscape.probe.ridge import Ridge, steepest_ridge
from landscape.probe.rigid import Probe, probe_realization, rigidity_radius

__all__ = [
    "CONTROLS",
    "BallSearch",
    "Control",
    "ExchangeBudget",
    "Natural",
    "Probe",
    "ReducedWidth",
    "Ridge",
    "degenerate_like",
    "examine_minimum",
    "opposite_control",
    "probe_realization",
    "reduce_width",
    "redundant_control",
    "rigidity_radius",
    "search_ball",
    "steepest_ridge",
    "unbalanced_control",
    "with_ridge",
]
