"""Optimization landscapes of shallow ReLU networks."""
