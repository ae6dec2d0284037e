"""What a study costs by its size: ``python -m benchmarks.scale``."""
