"""What a study costs beside its work: ``python -m benchmarks.overhead``."""
