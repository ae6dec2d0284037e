"""CPU seconds of jobs; ``python -m benchmarks.scale --publish`` writes this file.

The present numbers are older: from a short run on two data sets, negative exponents set to 0, that
of ``tables`` a guess.
"""

#: Per unit of work, c (n d)^size m^neurons: (c, size, neurons).
LAWS = {
    "minima": (0.0011, 0.37, 0.68),
    "probe": (0.028, 0.05, 0.00),
    "radii": (0.11, 0.16, 0.88),
    "solvers": (0.012, 0.24, 0.46),
    "train": (0.0016, 0.25, 0.58),
}
#: Before the work of a job begins, by its imports.
STARTUP = {
    "minima": 0.60,
    "probe": 0.60,
    "radii": 0.70,
    "solvers": 0.60,
    "train": 0.50,
}
#: Of jobs without a law: tables, figures and the like, of the default study's sizes.
FIXED = {
    "tables": 5.00,
}
