"""The probes of realization space: solvers for their programs, and many minima at once."""
