"""The shape of the landscape: exact merge trees of the loss's sublevel sets."""

from landscape.trees._tree import (
    MergeTree,
    TreeBudget,
    TreeCost,
    TreeTooLarge,
    merge_tree,
    tree_cost,
)

__all__ = ["MergeTree", "TreeBudget", "TreeCost", "TreeTooLarge", "merge_tree", "tree_cost"]
