"""Timings of the exact seminorm: every method and its peers on the same networks, in one run."""
