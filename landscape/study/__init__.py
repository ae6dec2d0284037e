"""The steps of a study: functions from a :class:`~landscape.study.cells.Cell` to rows; no files.

- :mod:`~landscape.study.rows`: the rows, one class per table, and the list of what is asked of
  minima; :mod:`~landscape.study.cells`: what every step is called with;
- :mod:`~landscape.study.training`: train, descend to local minima, certify; compare solvers;
  :mod:`~landscape.study.distinct`: merge the minima that several starts reached;
- :mod:`~landscape.study.radii`, :mod:`~landscape.study.probes`, :mod:`~landscape.study.pairs`: what
  is asked of them; :mod:`~landscape.study.coverage`: solvers held against atlases;
- :mod:`~landscape.study.regularization`: the paper's regularizers, compared on the same starts;
- :mod:`~landscape.study.config`, :mod:`~landscape.study.checks`: keys of the configuration, and
  what is wrong with them and with the data; :mod:`~landscape.study.lock`: one run at a time.

Nothing is imported here: a step loads only what it needs. The workflow's scripts have the files.
"""
