"""Reproducible side-by-side measurements; each package is run with ``python -m``."""
