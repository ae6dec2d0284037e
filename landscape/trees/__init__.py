"""The shape of the landscape: exact merge trees of the loss's sublevel sets, and brackets."""

from landscape.trees._escape import EscapeBarrier, EscapeBudget, escape_barrier
from landscape.trees._plot import draw_graph, layout
from landscape.trees._tree import (
    MergeTree,
    Stair,
    TreeBudget,
    TreeCost,
    TreeTooLarge,
    merge_tree,
    staircase,
    tree_cost,
)

__all__ = [
    "EscapeBarrier", "EscapeBudget", "MergeTree", "Stair", "TreeBudget", "TreeCost", "TreeTooLarge",
    "draw_graph", "escape_barrier", "layout", "merge_tree", "staircase", "tree_cost",
]  # fmt: skip
