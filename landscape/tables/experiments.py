"""Columns of the tables beside the main line of the study: solvers, controls, converse, ..."""

from __future__ import annotations

from landscape.tables.columns import (
    CELL,
    MINIMUM,
    MSE,
    PARAMETERS,
    SEMINORM,
    VERDICT,
    Column,
    Table,
)

__all__ = ["EXPERIMENTS"]

_DATASET, _, _NEURONS = CELL
_REASON = Column("reason", "text", "Why.")

_SOLVER = Column(
    "solver", "text", "One of scipy.optimize: SLSQP, L-BFGS-B, trust-constr, trf (least_squares)."
)

RUNS = Table(
    "runs",
    "One start of one solver over N*, its end point tested as it is and descended from. Equal "
    "`start` of different solvers, and of the table fits, is the same network.",
    (
        _DATASET,
        _NEURONS,
        _SOLVER,
        Column("start", "integer", "Index of the start."),
        Column("start_loss", "number", "Loss of the start.", MSE),
        Column("trained_loss", "number", "Loss of the solver's end point.", MSE),
        Column("training_outcome", "text", "converged, iteration_limit, stalled or failed."),
        Column("training_iterations", "integer", "Iterations of the solver."),
        Column("training_evaluations", "integer", "Evaluations of the loss."),
        Column(
            "trained_verdict",
            "text",
            "Exact test of local minimality of the end point, before any descent: " + VERDICT,
        ),
        Column("trained_reason", "text", "Why."),
        Column("loss", "number", "Loss after descent.", MSE),
        Column("descent_outcome", "text", "How the descent ended."),
        Column("descent_iterations", "integer", "Steps of the descent."),
    ),
    ("dataset", "neurons", "solver", "start"),
)

SOLVERS = Table(
    "solvers",
    "One solver of scipy.optimize on one data set and number of neurons, over N*: what its end "
    "points are before any descent, and what the descent still gains.",
    (
        _DATASET,
        _NEURONS,
        _SOLVER,
        Column("starts", "integer", "Paired starts."),
        Column("iteration_limit", "integer", "Of these, ended by the limit of iterations."),
        Column("trained_certified", "integer", "End points that pass the exact test as they are."),
        Column("trained_certified_share", "number", "trained_certified / starts."),
        Column("trained_undecided", "integer", "End points that the test could not decide."),
        Column("certified", "integer", "Starts that the descent ended at a certified minimum."),
        Column("certified_share", "number", "certified / starts."),
        Column("best_trained_loss", "number", "Lowest loss before descent.", MSE),
        Column("median_trained_loss", "number", "Median loss before descent.", MSE),
        Column("best_loss", "number", "Lowest loss after descent.", MSE),
        Column("median_loss", "number", "Median loss after descent.", MSE),
        Column("median_gain", "number", "Median over the starts of the loss that it gains.", MSE),
        Column("largest_gain", "number", "Largest such gain.", MSE),
    ),
    ("dataset", "neurons", "solver"),
)

CONTROLS = Table(
    "controls",
    "One step of one control (notes 11): a parameter minimum outside N* (C.1 unbalanced, C.2 "
    "redundant, C.3 opposite) with the realization of a minimum of N*, and a better realization at "
    "the given distance from it.",
    (
        _DATASET,
        _NEURONS,
        Column("minimum", "integer", "Number of the minimum of N* that it is built from."),
        Column("kind", "text", "C.1, C.2 or C.3."),
        Column("step", "integer", "Counted from the largest distance."),
        Column(
            "base",
            "text",
            "minimum, or extended: C.3 needs a neuron that is active on all samples; where there "
            "is none, two are added, and the descent goes on from there.",
        ),
        Column("certificate_radius", "number", "Certified radius of the control.", PARAMETERS),
        Column("distance", "number", "Exact distance of the better realization.", SEMINORM),
        Column("gap", "number", "By how much its loss is lower.", MSE),
        Column("tolerance", "number", "Gaps up to here are rounding.", MSE),
        Column("slope", "number", "Derivative of the loss by the distance at 0.", MSE),
        Column(
            "fibre_distance",
            "number",
            "Lower bound of the distance of the control to all parametrizations of the better "
            "realization: it does not go to 0.",
            PARAMETERS,
        ),
        Column(
            "verdict",
            "text",
            "violated, as it must be; holds where no network of any width is better; undecided.",
        ),
        Column("reason", "text", "Why; where the control could not be built, why not."),
    ),
    ("dataset", "neurons", "minimum", "kind", "step"),
)

BRACKETS = Table(
    "brackets",
    "Bracket of the realization radius of one minimum of N*: the supremum of the radii of seminorm "
    "balls around its realization without a better realization of N*.",
    (
        _DATASET,
        _NEURONS,
        MINIMUM,
        Column("smallest", "number", "min_i |u_i|.", SEMINORM),
        Column("certified", "number", "r^2/8 from the certified radius r.", SEMINORM),
        Column("radius", "number", "Up to which was searched.", SEMINORM),
        Column("radius_low", "number", "Proven lower bound.", SEMINORM),
        Column(
            "radius_high",
            "number",
            "Distance of the nearest better realization found; inf where none was found.",
            SEMINORM,
        ),
        Column("reason_low", "text", "What the lower bound rests on."),
        Column("gap", "number", "By how much that realization's loss is lower.", MSE),
        Column("tolerance", "number", "Gaps up to here are rounding.", MSE),
        Column("exchanged", "integer", "Neurons of the minimum that it lacks."),
        Column("source", "text", "Where its new directions came from."),
        Column("programs", "integer", "Convex programs solved."),
        Column("witnesses", "integer", "Better realizations that were verified on the way."),
        _REASON,
    ),
    ("dataset", "neurons", "minimum"),
)

CONVERSE = Table(
    "converse",
    "One network of N* with random directions and optimal scales: a minimum in realization space, "
    "and in parameter space? Proposition 1.2 does not say so, and it is not.",
    (
        _DATASET,
        _NEURONS,
        Column("draw", "integer", "Number of the draw."),
        Column("positive_signs", "integer", "Sign class drawn."),
        Column("turned", "integer", "Neurons whose optimal scale turned their sign."),
        Column("drawn_loss", "number", "Loss as drawn.", MSE),
        Column("loss", "number", "Loss with optimal scales.", MSE),
        Column("radius", "number", "Radius of the ball in realization space.", SEMINORM),
        Column("realization", "text", "Is it a minimum on that ball: " + VERDICT),
        Column("gap", "number", "Loss minus the best loss found in the ball.", MSE),
        Column("tolerance", "number", "Gaps up to here are rounding.", MSE),
        Column("parameters", "text", "Is it a local minimum of the parameters: " + VERDICT),
        Column("slope", "number", "Steepest derivative of the loss that the test found."),
        Column("descended_loss", "number", "Loss after descent.", MSE),
        _REASON,
    ),
    ("dataset", "neurons", "draw"),
)

NATURAL = Table(
    "natural",
    "One distinct certified minimum of N' or of the unrestricted space as training finds it: its "
    "degeneracies, and whether it is a minimum in realization space.",
    (
        *CELL,
        MINIMUM,
        Column("loss", "number", "Loss.", MSE),
        Column("silent", "integer", "Neurons that are inactive on all samples; -1: not counted."),
        Column("zero", "integer", "Neurons with c_i = 0 or a_i = 0."),
        Column("imbalance", "number", "Largest |log(|c_i| / |a_i|)| of the others; 0 on N'."),
        Column("redundant", "integer", "Pairs of neurons of the same direction."),
        Column("opposite", "integer", "Pairs of opposite directions."),
        Column(
            "flip_gap",
            "number",
            "min over sets S of neurons of |sum_S c_i a_i| (notes 12): 0 is C.3b's pathology.",
            SEMINORM,
        ),
        Column("spare", "integer", "Neurons that the realization could do without."),
        Column("verdict", "text", "Proposition 1.2's implication: " + VERDICT),
        Column("radius", "number", "Radius of the ball that was probed, if one was.", SEMINORM),
        Column("distance", "number", "Distance of the better realization, if any.", SEMINORM),
        Column("gap", "number", "By how much its loss is lower.", MSE),
        Column("tolerance", "number", "Gaps up to here are rounding.", MSE),
        _REASON,
    ),
    ("dataset", "space", "neurons", "minimum"),
)

STABILITY = Table(
    "stability",
    "One pair of networks for inverse stability itself (Definition 1.1), and for the forward "
    "direction.",
    (
        _DATASET,
        _NEURONS,
        Column(
            "kind",
            "text",
            "Within N*: random, neighbours (nearest minima), again (a minimum reached twice), "
            "scaled, opposed, extremal, forward (all entries perturbed). Outside: C.1, C.2, C.3.",
        ),
        Column("pair", "integer", "Number of the pair within its kind."),
        Column("within", "integer", "1 for pairs from N*, 0 outside."),
        Column("inputs", "integer", "Inputs of the networks, d + 2 for d features."),
        Column("width", "integer", "Neurons of the first network."),
        Column("scale", "number", "Size of the change that makes the second network."),
        Column("seminorm", "number", "Distance r of the realizations.", SEMINORM),
        Column("exact", "integer", "1 where r is exact."),
        Column(
            "distance",
            "number",
            "Distance of the parametrizations modulo permutations; outside N*, a lower bound over "
            "all parametrizations of the second realization.",
            PARAMETERS,
        ),
        Column("ratio", "number", "distance / sqrt(r)."),
        Column("bound", "number", "2 sqrt(2) sqrt(r).", PARAMETERS),
        Column("verdict", "text", "Whether distance <= bound: " + VERDICT),
        Column(
            "uniform",
            "number",
            "Exact uniform distance of the realizations on the cube [-1, 1]^inputs; missing beyond "
            "four inputs.",
        ),
        Column("uniform_bound", "number", "Its Lipschitz bound in the parameters."),
        _REASON,
    ),
    ("dataset", "neurons", "kind", "pair"),
)

RATES = Table(
    "rates",
    "Inverse stability per data set and width: the power law that the pairs' distances follow.",
    (
        _DATASET,
        _NEURONS,
        Column("within", "integer", "1 for pairs from N*, 0 for the controls outside."),
        Column("inputs", "integer", "Inputs of the networks, d + 2 for d features."),
        Column("width", "integer", "Neurons of the networks, the largest number."),
        Column("pairs", "integer", "Pairs with positive distances and r > 1e-9."),
        Column(
            "exponent",
            "number",
            "Slope of a line through the largest distance in each decade of r, in logarithms: 1/2 "
            "where extremal pairs are among them. Near 0: the distance stays as r goes to 0.",
        ),
        Column(
            "constant",
            "number",
            "Largest distance / sqrt(r); proven on N*: at most 2 sqrt(2), in the paper 4.",
        ),
    ),
    ("dataset", "neurons", "within"),
)

DEGENERACIES = Table(
    "degeneracies",
    "How often minima of N' and of unrestricted training are degenerate, per data set and width.",
    (
        _DATASET,
        Column("space", "text", "balanced (N') or unrestricted."),
        _NEURONS,
        Column("minima", "integer", "Distinct certified minima that were examined."),
        Column("silent_share", "number", "Of them, with silent neurons."),
        Column("zero_share", "number", "With neurons of c_i = 0 or a_i = 0."),
        Column("redundant_share", "number", "With neurons of the same direction."),
        Column("opposite_share", "number", "With neurons of opposite directions."),
        Column("spare_share", "number", "With neurons that the realization could do without."),
        Column("median_imbalance", "number", "Median of the largest |log(|c_i| / |a_i|)|."),
        Column("median_flip_gap", "number", "Median flip gap (notes 12).", SEMINORM),
        Column("holds_share", "number", "Where the implication of Proposition 1.2 holds."),
        Column("violated_share", "number", "Where it fails."),
        Column("undecided_share", "number", "Where it is undecided."),
    ),
    ("dataset", "space", "neurons"),
)

FINDINGS = Table(
    "findings",
    "One finding about one data set: what was tested, held, failed, or is undecided.",
    (
        _DATASET,
        Column("topic", "text", "starts, certificates, ..., inverse stability, solvers."),
        Column(
            "status",
            "text",
            "Beside what is proven: agrees, contradicts, undecided or not tested; measured where "
            "nothing is proven.",
        ),
        Column("finding", "text", "Sentences, with their numbers from the other tables."),
        Column("table", "text", "Where its rows are."),
        Column("search", "text", "Which they are: terms column=value that all of them meet."),
    ),
    ("dataset", "topic"),
)

#: In the order of the documentation.
EXPERIMENTS = (
    RUNS,
    SOLVERS,
    CONTROLS,
    BRACKETS,
    CONVERSE,
    NATURAL,
    STABILITY,
    RATES,
    DEGENERACIES,
    FINDINGS,
)
