"""The steps of a study as pure functions of configuration and arrays; no files.

- :mod:`landscape.study.starts`: paired random starts, each from its own seed;
- :mod:`landscape.study.fits`: train a block of starts;
- :mod:`landscape.study.certificates`: descend to local minima, certify, merge duplicates;
- :mod:`landscape.study.probes`: balls in realization space, and the control C.1;
- :mod:`landscape.study.pairs`: parameter distance against the seminorm;
- :mod:`landscape.study.config`: errors in the configuration, one line each.

The workflow's scripts read files, call one of these and write files. Nothing is imported here,
so that a step loads only what it needs.
"""
