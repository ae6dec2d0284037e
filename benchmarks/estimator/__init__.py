"""Benchmark of the estimator against others."""
