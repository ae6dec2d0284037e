"""The steps of a study: functions from a :class:`~landscape.study.cells.Cell` to rows; no files.

Nothing is imported here: a step loads only what it needs. :mod:`~landscape.study.rows` lists what
is asked of minima; the workflow's scripts have the files.
"""
