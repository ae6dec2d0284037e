"""The counterexamples of Section 2 and of Appendix A.5, as objects with exact distances.

>>> for example in PATHOLOGIES:
...     instance = example.instance(4)
...     print(example.example, instance.distance, float(instance.seminorm))
2.1 4.0 16.0
2.2 0.5 0.25
2.3 1.0 0.25
2.4 0.5 0.25
2.5 5.657 3.0
A.1 1.2071 0.25
A.2 4.0 0.25
"""

from landscape.pathologies.base import Claim, Instance, Pathology
from landscape.pathologies.cancelling import CancellingWeights
from landscape.pathologies.examples import (
    ExplodingGradient,
    LocalMinimum,
    OppositeWeights,
    RedundantDirections,
    Unbalanced,
    UnbalancedFamily,
)

__all__ = [
    "PATHOLOGIES",
    "CancellingWeights",
    "Claim",
    "ExplodingGradient",
    "Instance",
    "LocalMinimum",
    "OppositeWeights",
    "Pathology",
    "RedundantDirections",
    "Unbalanced",
    "UnbalancedFamily",
]

#: All examples in the paper's order, with its parameters.
PATHOLOGIES: tuple[Pathology, ...] = (
    ExplodingGradient(),
    Unbalanced(),
    RedundantDirections(),
    CancellingWeights.of_figure_4(),
    OppositeWeights(),
    LocalMinimum(),
    UnbalancedFamily(),
)
