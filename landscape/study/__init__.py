"""The steps of a study: functions from a :class:`~landscape.study.cells.Cell` to rows; no files.

- :mod:`landscape.study.rows`: the rows, one class per table;
- :mod:`landscape.study.cells`: a data set and a number of neurons, what every step is called with;
- :mod:`landscape.study.training`: train starts, descend to local minima, certify;
- :mod:`landscape.study.distinct`: merge the minima that several starts reached;
- :mod:`landscape.study.radii`: proofs in rational arithmetic, and radii bracketed in both spaces;
- :mod:`landscape.study.probes`: rigid balls, and minima outside N* as training finds them;
- :mod:`landscape.study.controls`: the controls C.1, C.2, C.3, which have to fail;
- :mod:`landscape.study.converse`: the converse of Proposition 1.2;
- :mod:`landscape.study.pairs`: parameter distance against the seminorm;
- :mod:`landscape.study.solvers`: end points of each solver, before and after the descent;
- :mod:`landscape.study.coverage`: solvers held against atlases;
- :mod:`landscape.study.regularization`, :mod:`landscape.study.comparison`: the experiment with the
  paper's regularizers, and its arms compared;
- :mod:`landscape.study.own_solvers`: a user's own solvers, from installed modules;
- :mod:`landscape.study.steps`: the list of what is asked of minima, for the workflow;
- :mod:`landscape.study.config`, :mod:`landscape.study.checks`: the keys of the configuration, and
  what is wrong with them and with the data, one line each;
- :mod:`landscape.study.lock`: one run at a time in a folder.

The workflow's scripts read files, call one of these and write files. Nothing is imported here,
so that a step loads only what it needs.
"""
