"""Reproducible side-by-side measurements; each package is run with ``python -m``."""

from landscape import compiled

compiled.PATIENCE = -1.0  # what is timed is machine code, from the first call on
