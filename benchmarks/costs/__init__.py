"""What the jobs of a study cost: ``python -m benchmarks.costs``."""
