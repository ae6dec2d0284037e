"""Columns of the tables of atlases."""

from __future__ import annotations

from landscape.tables.columns import MSE, PARAMETERS, Column, Table

__all__ = ["ATLAS", "COVERAGE"]

_PROBLEM = (
    Column("problem", "text", "Name of the problem in the config: data and number of neurons."),
    Column(
        "neurons",
        "integer",
        "Neurons m of the network with biases, P_(d,m,1); N* has m + 1.",
    ),
)

ATLAS = Table(
    "atlas",
    "One connected set of local minima on N*, of all that exist for a small problem; modulo "
    "permutation and shifts that the data do not see.",
    (
        *_PROBLEM,
        Column("number", "integer", "Number of the entry, in the order of the losses."),
        Column("loss", "number", "Loss.", MSE),
        Column("is_global", "integer", "1 for the least loss, else 0."),
        Column("dimension", "integer", "Dimension in effective coordinates; 0 is isolated."),
        Column("pieces", "integer", "Joint activation faces that the entry consists of."),
        Column("sign_classes", "text", "Numbers of positive signs that occur."),
        Column("kind", "text", "smooth, kinks, ...: what the certificate rests on."),
        Column("kinks", "integer", "Pairs (neuron, sample) on a kink, of the representative."),
        Column("stationarity", "number", "Largest relative residual of the conditions."),
        Column("tolerance", "number", "What counts as zero for it."),
        Column("slack", "number", "By how much a better point in the ball could be better.", MSE),
        Column("radius", "number", "Certified radius of the representative.", PARAMETERS),
        Column("key", "text", "Activation key of the representative."),
    ),
    ("problem", "number"),
)

COVERAGE = Table(
    "coverage",
    "One start of one solver, looked up in the atlas. Equal `start` of different solvers is the "
    "same network.",
    (
        *_PROBLEM,
        Column("solver", "text", "Before the descent: SLSQP, L-BFGS-B, trf; descent for none."),
        Column("start", "integer", "Index of the start."),
        Column(
            "number",
            "integer",
            "Entry of the atlas; -1: no certified minimum; -2: one that the atlas lacks.",
        ),
        Column("is_global", "integer", "1 if that is a global minimum, else 0."),
        Column("distinct", "integer", "Distinct entries found up to this start."),
        Column("global_hits", "integer", "Starts up to this one that ended in a global minimum."),
        Column("trained_loss", "number", "Loss before the descent.", MSE),
        Column("loss", "number", "Loss after it.", MSE),
        Column("outcome", "text", "How the descent ended."),
    ),
    ("problem", "solver", "start"),
)
