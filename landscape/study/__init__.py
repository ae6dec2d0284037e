"""The steps of a study as pure functions of configuration and arrays; no files.

- :mod:`landscape.study.starts`: paired random starts, each from its own seed;
- :mod:`landscape.study.columns`: columns of equal length, what steps hand on;
- :mod:`landscape.study.fits`: train a block of starts;
- :mod:`landscape.study.certificates`: descend to local minima, certify, merge duplicates;
- :mod:`landscape.study.solvers`: end points of each solver, before and after the descent;
- :mod:`landscape.study.radii`, :mod:`landscape.study.brackets`: brackets of the radii of minima in
  parameter space and in realization space;
- :mod:`landscape.study.probes`: balls in realization space;
- :mod:`landscape.study.controls`: the controls C.1, C.2, C.3, which have to fail;
- :mod:`landscape.study.natural`, :mod:`landscape.study.converse`: minima outside N* as they come,
  and the converse of Proposition 1.2;
- :mod:`landscape.study.pairs`, :mod:`landscape.study.stability`: parameter distance against the
  seminorm;
- :mod:`landscape.study.verdicts`: verdicts, counted;
- :mod:`landscape.study.coverage`: solvers held against atlases;
- :mod:`landscape.study.own_solvers`: a user's own solvers, from installed modules;
- :mod:`landscape.study.config`, :mod:`landscape.study.checks`: errors in the configuration and its
  data, one line each.

The workflow's scripts read files, call one of these and write files. Nothing is imported here,
so that a step loads only what it needs.
"""
