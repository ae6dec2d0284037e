"""The rows of a study: one class per table, one instance per line.

Columns of several tables stand in classes of their own, which the tables inherit. Defaults are what
a row says where something could not be computed: a number is missing, a verdict undecided.
"""

from __future__ import annotations

from math import inf, nan

from numpy.typing import NDArray

from landscape.rows import Row, array, column

__all__ = [
    "MSE",
    "PARAMETERS",
    "SEMINORM",
    "Bracket",
    "Control",
    "Converse",
    "Coverage",
    "Entry",
    "Fit",
    "Minimum",
    "Natural",
    "Pair",
    "Probe",
    "Run",
    "WithNetwork",
]

MSE = "mean squared error of the target as stored (standardized: units of its variance)"
SEMINORM = "W^{1,inf} seminorm (17), per unit of the embedded inputs"
PARAMETERS = "max-norm of parameters"

VERDICT = "holds, violated or undecided."
UNDECIDED = "undecided"


class _Data(Row):
    """Of one data set and number of neurons."""

    dataset: str = column("Name of the data set in the config.", key=True)
    neurons: int = column(
        "Neurons m of the network with biases, P_(d,m,1); N* and N' have m + 1.", key=True
    )


class _Cell(Row):
    """Of one cell of the study."""

    dataset: str = column("Name of the data set in the config.", key=True)
    space: str = column(
        "Space of parametrizations: restricted (N*), balanced (N'), unrestricted (networks with "
        "biases).",
        key=True,
    )
    neurons: int = column(
        "Neurons m of the network with biases, P_(d,m,1); N* and N' have m + 1.", key=True
    )


class WithNetwork(Row):
    """With the network that it is about."""

    weights: NDArray | None = array(2)
    output_weights: NDArray | None = array(1)


class _Training(Row):
    """A random start, trained."""

    start: int = column("Index of the start.", key=True)
    start_loss: float = column("Loss of the start.", MSE)
    trained_loss: float = column("Loss after training.", MSE)
    training_outcome: str = column("converged, iteration_limit, stalled or failed.")
    training_message: str = column("The solver's own words.", path=True)
    training_iterations: int = column("Iterations of the solver.", path=True)
    training_evaluations: int = column("Evaluations of the loss.", path=True)


class _Descent(Row):
    """What the descent made of it."""

    loss: float = column("Loss after descent.", MSE, default=nan)
    descent_outcome: str = column("How the descent ended.", default="")
    descent_iterations: int = column("Steps of the descent.", path=True, default=0)
    verdict: str = column(
        "Exact test of local minimality of the end: " + VERDICT, default=UNDECIDED
    )
    reason: str = column("Why.", path=True, default="")


class _Certificate(Row):
    """What the certificate of a local minimum says."""

    kind: str = column("smooth, kinks, ...: what the certificate rests on.", default="")
    kinks: int = column("Pairs (neuron, sample) on a kink.", default=-1)
    silent_neurons: int = column("Neurons that contribute nothing on the data.", default=-1)
    stationarity: float = column(
        "Largest relative residual of the first-order conditions.", default=nan
    )
    tolerance: float = column("What counts as zero for it.", default=nan)
    slack: float = column(
        "By how much a better point in the ball could be better at most, given the residual.",
        MSE,
        default=nan,
    )
    radius: float = column(
        "Certified radius r of the minimum, in the sense of (9).", PARAMETERS, default=nan
    )
    violations: str = column(
        "Conditions of the space that the minimum violates (it lies on the border); such minima "
        "are not probed.",
        default="",
    )
    activation: str = column(
        "Key of the activation cell: equal for minima that are the same on the data.", default=""
    )
    proof: str = column(
        "Proof in rational arithmetic, beyond the certificate in floating-point numbers: proved, "
        "of an exact point next to it; refuted, of the point itself; open; empty where none was "
        "tried.",
        default="",
    )
    proof_reason: str = column("Why there is none.", path=True, default="")
    proof_distance: float = column(
        "Upper bound of the distance to the exact point that is proved.", PARAMETERS, default=nan
    )


class Fit(WithNetwork, _Certificate, _Descent, _Training, _Cell):
    """One start: a random network, trained over a space, then descended to a local minimum.

    Equal `start` of different spaces is the same network.
    """

    name = "fits"
    positive_signs: int = column("Sign class: positive output weights of the start.")
    minimum: int = column(
        "Number of the distinct minimum that was reached, -1 if none.", default=-1
    )
    lift_start_loss: float = column(
        "Unrestricted only: loss after lifting the end into N* (Lemma A.4).", MSE, default=nan
    )
    lift_loss: float = column(
        "Unrestricted only: loss after descending in N* from there.", MSE, default=nan
    )
    lift_verdict: str = column("Unrestricted only: verdict on that end in N*.", default="")


class _OfMinimum(Row):
    """About a distinct minimum."""

    minimum: int = column("Number of the distinct certified minimum within its cell.", key=True)


class Minimum(WithNetwork, _Certificate, _OfMinimum, _Cell):
    """One distinct certified local minimum of a cell.

    Starts that reach the same activation cell, up to permutations and shifts that the data do
    not see, count as one.
    """

    name = "minima"
    multiplicity: int = column("Starts that reached it.")
    first_start: int = column("The start that represents it.")
    loss: float = column("Loss.", MSE)
    loss_spread: float = column("Largest minus smallest loss of its starts: rounding.", MSE)
    radius_low: float = column(
        "Proven lower bound of the true radius r* (the supremum of the radii for which (9) holds): "
        "the certified radius, raised by branch and bound for the minima that are bracketed.",
        PARAMETERS,
    )
    radius_high: float = column(
        "Upper bound of r*: distance of a better point of the space; inf where none was found.",
        PARAMETERS,
        default=inf,
    )
    radius_low_method: str = column(
        "r_cell (the certificate), branch and bound or residual.", default="r_cell"
    )
    radius_high_method: str = column(
        "falsifier, branch and bound, none found or residual; empty where none was asked for.",
        default="",
    )
    radius_nodes: int = column("Convex programs that the bracket took.", path=True, default=0)
    radius_reason: str = column("Why the bracket is no narrower.", path=True, default="")
    paper_radius: float = column(
        "r^2/16 of Corollary 1.3: radius of the realization minimum.", SEMINORM
    )
    sharp_radius: float = column("r^2/8, from the sharp constant 2 sqrt(2).", SEMINORM)
    rigidity_radius: float = column(
        "min_i |u_i|/2: below it only the neurons' scales are free.", SEMINORM
    )


class Probe(_Data):
    """One minimum of N* in realization space: the ball of a radius just below min_i |u_i|/2.

    Only the neurons' scales are free there, and every local minimum is one of the loss on the whole
    ball (Theorem 13), which holds the balls of Corollary 1.3: a violation would be a mistake of a
    proof or of this software. Minima of N' are in the tables natural and brackets.
    """

    name = "probes"
    minimum: int = column("Number of the distinct certified minimum of N*.", key=True)
    radius: float = column("Radius of the ball.", SEMINORM)
    verdict: str = column(
        "holds: no better realization in the ball; violated: there is one; undecided.",
        default=UNDECIDED,
    )
    gap: float = column(
        "Loss of the minimum minus the best loss found in the ball.", MSE, default=nan
    )
    lower_bound: float = column(
        "Proven lower bound of the best loss in the ball minus the loss of the minimum.",
        MSE,
        default=nan,
    )
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)
    distance: float = column(
        "Exact seminorm distance of the best realization found.", SEMINORM, default=nan
    )
    cuts: int = column("Cutting planes.", path=True, default=0)
    regime: str = column("rigid or beyond: whether only scales are free in the ball.", default="")
    reason: str = column("Why.", path=True, default="")


class Bracket(WithNetwork, _OfMinimum, _Cell):
    """Bracket of the realization radius of one minimum of N* or N'.

    That is the supremum of the radii of seminorm balls around its realization without a better
    realization of the space. Beyond min_i |u_i|/2 neurons may be exchanged for others, and
    nothing is proven.
    """

    name = "brackets"
    smallest: float = column("min_i |u_i|.", SEMINORM)
    certified: float = column("r^2/8 from the certified radius r.", SEMINORM)
    radius: float = column("Up to which was searched.", SEMINORM)
    radius_low: float = column("Proven lower bound.", SEMINORM, default=0.0)
    radius_high: float = column(
        "Distance of the nearest better realization found; inf where none was found.",
        SEMINORM,
        default=inf,
    )
    reason_low: str = column("What the lower bound rests on.", path=True, default="none")
    distance: float = column("Exact distance of that realization.", SEMINORM, default=nan)
    gap: float = column("By how much that realization's loss is lower.", MSE, default=0.0)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=0.0)
    exchanged: int = column("Neurons of the minimum that it lacks.", default=0)
    source: str = column("Where its new directions came from.", default="")
    programs: int = column("Convex programs solved.", path=True, default=0)
    witnesses: int = column(
        "Better realizations that were verified during the search.", path=True, default=0
    )
    reason: str = column("Why.", path=True, default="")


class Control(_Data):
    """One step of one control: a parameter minimum outside N*, and a better realization nearby.

    The control (C.1 unbalanced, C.2 redundant, C.3 opposite) has the realization of a minimum
    of N*, or of one that was extended for it; the better realization is at the given distance
    from it (Theorem 15).
    """

    name = "controls"
    minimum: int = column("Number of the minimum of N* that it is built from.", key=True)
    kind: str = column("C.1, C.2 or C.3.", key=True)
    step: int = column("Counted from the largest distance.", key=True, default=0)
    base: str = column(
        "minimum, or extended: C.3 needs a neuron that is active on all samples; where there is "
        "none, two are added, and the descent goes on from there.",
        default="minimum",
    )
    certificate_radius: float = column("Certified radius of the control.", PARAMETERS, default=nan)
    distance: float = column("Exact distance of the better realization.", SEMINORM, default=nan)
    gap: float = column("By how much its loss is lower.", MSE, default=nan)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)
    slope: float = column("Derivative of the loss by the distance at 0.", MSE, default=nan)
    fibre_distance: float = column(
        "Lower bound of the distance of the control to all parametrizations of the better "
        "realization: it does not go to 0.",
        PARAMETERS,
        default=nan,
    )
    verdict: str = column(
        "violated, as it must be; holds where no network of any width is better; undecided.",
        default=UNDECIDED,
    )
    reason: str = column(
        "Why; where the control could not be built, why not.", path=True, default=""
    )


class Natural(_OfMinimum, _Cell):
    """One distinct certified minimum of N' or of the unrestricted space as training finds it.

    Its degeneracies, and whether it is a minimum in realization space.
    """

    name = "natural"
    loss: float = column("Loss.", MSE)
    silent: int = column("Neurons that are inactive on all samples; -1: not counted.", default=-1)
    zero: int = column("Neurons with c_i = 0 or a_i = 0.", default=-1)
    imbalance: float = column("Largest |log(|c_i| / |a_i|)| of the others; 0 on N'.", default=nan)
    redundant: int = column("Pairs of neurons of the same direction.", default=-1)
    opposite: int = column("Pairs of opposite directions.", default=-1)
    flip_gap: float = column(
        "min over sets S of neurons of |sum_S c_i a_i|: 0 is the pathology of C.3b (Lemma A.3).",
        SEMINORM,
        default=nan,
    )
    spare: int = column("Neurons that the realization could do without.", default=-1)
    verdict: str = column("Proposition 1.2's implication: " + VERDICT, default=UNDECIDED)
    radius: float = column("Radius of the ball that was probed, if one was.", SEMINORM, default=nan)
    distance: float = column("Distance of the better realization, if any.", SEMINORM, default=nan)
    gap: float = column("By how much its loss is lower.", MSE, default=nan)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)
    reason: str = column("Why.", path=True, default="")


class Converse(_Data):
    """One network of N* with random directions and optimal scales.

    It is a minimum in realization space, and in parameter space? Proposition 1.2 does not say
    so, and it is not (Theorem 14).
    """

    name = "converse"
    draw: int = column("Number of the draw.", key=True)
    positive_signs: int = column("Sign class drawn.")
    turned: int = column("Neurons whose optimal scale turned their sign.")
    drawn_loss: float = column("Loss as drawn.", MSE)
    loss: float = column("Loss with optimal scales.", MSE, default=nan)
    radius: float = column("Radius of the ball in realization space.", SEMINORM, default=nan)
    realization: str = column("Is it a minimum on that ball: " + VERDICT, default=UNDECIDED)
    gap: float = column("Loss minus the best loss found in the ball.", MSE, default=nan)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)
    parameters: str = column(
        "Is it a local minimum of the parameters: " + VERDICT, default=UNDECIDED
    )
    slope: float = column("Steepest derivative of the loss that the test found.", default=nan)
    descended_loss: float = column("Loss after descent.", MSE, default=nan)
    reason: str = column("Why.", path=True, default="")


class Pair(_Data):
    """One pair of networks: distance of parametrizations against that of realizations.

    For inverse stability itself (Definition 1.1, Corollary 3.3) and for the forward direction.
    """

    name = "pairs"
    kind: str = column(
        "Within N*: minima (two of them), random, again (a minimum reached twice), scaled, "
        "opposed, extremal, forward (all entries perturbed). Outside: C.1, C.2, C.3.",
        key=True,
    )
    pair: int = column("Number of the pair within its kind.", key=True)
    first: int = column("Number of the first network's minimum of N*, -1 if it is none.")
    second: int = column("Number of the second's, -1 if it is none.")
    within: bool = column("1 for pairs from N*, 0 outside.")
    inputs: int = column("Inputs of the networks, d + 2 for d features.")
    width: int = column("Neurons of the first network.")
    scale: float = column("Size of the change that makes the second network.")
    seminorm: float = column("Distance r of the realizations.", SEMINORM, default=nan)
    exact: bool = column("1 where r is exact.", default=False)
    distance: float = column(
        "Distance of the parametrizations modulo permutations; outside N*, a lower bound over all "
        "parametrizations of the second realization.",
        PARAMETERS,
        default=nan,
    )
    ratio: float = column("distance / sqrt(r).", default=nan)
    paper_bound: float = column("4 sqrt(r), (38).", PARAMETERS, default=nan)
    bound: float = column("2 sqrt(2) sqrt(r), sharp on N*.", PARAMETERS, default=nan)
    verdict: str = column("Whether distance <= bound: " + VERDICT, default=UNDECIDED)
    uniform: float = column(
        "Exact uniform distance of the realizations on the cube [-1, 1]^inputs; missing beyond "
        "four inputs.",
        default=nan,
    )
    uniform_bound: float = column("Its Lipschitz bound in the parameters.", default=nan)
    reason: str = column("Why undecided.", path=True, default="")


class Run(_Descent, _Training, _Data):
    """One start of one solver over N*, its end point tested as it is and descended from.

    Equal `start` of different solvers, and of the table fits, is the same network.
    """

    name = "runs"
    solver: str = column(
        "One of scipy.optimize: SLSQP, L-BFGS-B, trust-constr, trf (least_squares); or one's own.",
        key=True,
    )
    trained_verdict: str = column(
        "Exact test of local minimality of the end point, before any descent: " + VERDICT,
        default=UNDECIDED,
    )
    trained_reason: str = column("Why.", path=True, default="")


class _OfProblem(Row):
    """About a small problem, all of whose minima are known."""

    problem: str = column(
        "Name of the problem in the config: data and number of neurons.", key=True
    )
    neurons: int = column("Neurons m of the network with biases, P_(d,m,1); N* has m + 1.")


class Entry(WithNetwork, _OfProblem):
    """One connected set of local minima on N*, of all that exist for a small problem.

    Modulo permutation and shifts that the data do not see.
    """

    name = "atlas"
    number: int = column("Number of the entry, in the order of the losses.", key=True)
    loss: float = column("Loss.", MSE)
    is_global: bool = column("1 for the least loss, else 0.")
    dimension: int = column("Dimension in effective coordinates; 0 is isolated.")
    pieces: int = column("Joint activation faces that the entry consists of.")
    sign_classes: str = column("Numbers of positive signs that occur.")
    kind: str = column("smooth, kinks, ...: what the certificate rests on.")
    kinks: int = column("Pairs (neuron, sample) on a kink, of the representative.")
    stationarity: float = column("Largest relative residual of the conditions.")
    tolerance: float = column("What counts as zero for it.")
    slack: float = column("By how much a better point in the ball could be better.", MSE)
    radius: float = column("Certified radius of the representative.", PARAMETERS)
    activation: str = column("Activation key of the representative.")


class Coverage(_OfProblem):
    """One start of one solver, looked up in the atlas.

    Equal `start` of different solvers is the same network.
    """

    name = "coverage"
    solver: str = column("Before the descent: SLSQP, L-BFGS-B, trf; descent for none.", key=True)
    start: int = column("Index of the start.", key=True)
    number: int = column(
        "Entry of the atlas; -1: no certified minimum; -2: one that the atlas lacks."
    )
    is_global: bool = column("1 if that is a global minimum, else 0.")
    distinct: int = column("Distinct entries found up to this start.")
    global_hits: int = column("Starts up to this one that ended in a global minimum.")
    trained_loss: float = column("Loss before the descent.", MSE)
    loss: float = column("Loss after it.", MSE)
    outcome: str = column("How the descent ended.")
