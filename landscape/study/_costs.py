"""CPU seconds of jobs: made by ``python -m benchmarks.scale --publish``."""

#: Per unit of work, c (n d)^size m^neurons: (c, size, neurons).
LAWS = {
    "minima": (0.00052, 0.43, 0.55),
    "probe": (0.0057, 0.17, 0.22),
    "radii": (0.062, 0.32, 0.42),
    "solvers": (0.008, 0.28, 0.35),
    "train": (0.00097, 0.29, 0.50),
}
#: Before the work of a job begins, by its imports.
STARTUP = {
    "minima": 0.65,
    "probe": 1.38,
    "radii": 0.71,
    "solvers": 0.63,
    "train": 0.57,
}
#: Of jobs without a law: tables, figures and the like, of the default study's sizes.
FIXED = {
    "atlas": 8.97,
    "atlas_tables": 3.86,
    "data": 0.59,
    "figures": 8.41,
    "more_figures": 11.09,
    "page": 3.42,
    "provenance": 0.44,
    "tables": 2.98,
}
