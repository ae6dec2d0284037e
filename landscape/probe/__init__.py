"""Balls of realization space, solved instead of sampled: tests of Proposition 1.2.

`rigid` decides whether the realization of a minimum is a minimum on its W^{1,inf} ball, as long as
the ball contains nothing but rescalings of its neurons (notes 10). `controls` builds parameter
minima outside N* for which the implication must fail, and shows that it does (notes 11).
"""

from landscape.probe.controls import Control, unbalanced_control
from landscape.probe.rigid import Probe, probe_realization, rigidity_radius

__all__ = ["Control", "Probe", "probe_realization", "rigidity_radius", "unbalanced_control"]
