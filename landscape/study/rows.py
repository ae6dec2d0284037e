"""The rows of a study: one class per table, one instance per line.

Columns of several tables stand in classes of their own, which the tables inherit. Defaults are what
a row says where something could not be computed: a number is missing, a verdict undecided.
:data:`STEPS` lists what is asked of minima, for the rules and scripts of the workflow.
"""

from collections.abc import Mapping
from math import inf, nan
from typing import Any, Self

from numpy.typing import NDArray

from landscape.data import Dataset
from landscape.parametrization import Parametrization
from landscape.rows import Row, array, column

MSE = "the study's loss; squared: of the target as stored (standardized: units of its variance)"
SEMINORM = "W^{1,inf} seminorm (17), per unit of the embedded inputs"
PARAMETERS = "max-norm of parameters"
NEURONS = "Neurons m of the network with biases, P_(d,m,1); N* and N' have m + 1."
SPACE = "restricted (N*), balanced (N'), unrestricted (with biases)."
DATASET = "Name of the data set in the config."
PROOF = (
    "In rational arithmetic: proved, of an exact point next to it; refuted, of itself as it "
    "stands; open; empty where none was tried."
)
UNIFORM_RADIUS = (
    "N* only, where r is positive and finite: a radius in the uniform norm, likewise proven from r "
    "(Theorem 17)."
)
UNDECIDED = "undecided"


def objective_in(tables: Mapping[str, Any]) -> str:
    """What the study minimizes, by its table of data sets; the squared loss without one."""
    frame = tables.get("datasets")
    return "squared" if frame is None or frame.empty else str(frame["loss"].iloc[0]) or "squared"


class _Data(Row):
    dataset: str = column(DATASET, key=True)
    neurons: int = column(NEURONS, key=True)


class OfCell(Row):
    """Of one cell of the study: data set, space and number of neurons."""

    dataset: str = column(DATASET, key=True)
    space: str = column(SPACE, key=True)
    neurons: int = column(NEURONS, key=True)


class _OfMinimum(Row):
    minimum: int = column("Number of the distinct certified minimum within its cell.", key=True)


class WithNetwork(Row):
    """With the network that it is about."""

    weights: NDArray = array(2)
    output_weights: NDArray = array(1)

    @property
    def network(self) -> Parametrization:
        """It."""
        return Parametrization(self.weights, self.output_weights)


class _Better(Row):
    distance: float = column("Distance of the best realization found.", SEMINORM, default=nan)
    gap: float = column("By how much its loss is lower.", MSE, default=nan)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)


class _Verdict(Row):
    verdict: str = column("holds, violated or undecided.", default=UNDECIDED)
    reason: str = column("Why.", path=True, default="")


class _Training(Row):
    start: int = column("Index of the start.", key=True)
    start_loss: float = column("Loss of the start.", MSE)
    trained_loss: float = column("Loss after training.", MSE)
    training_outcome: str = column("converged, iteration_limit, stalled or failed.")
    training_message: str = column("The solver's own words.", path=True)
    training_iterations: int = column("Iterations of the solver.", path=True)
    training_evaluations: int = column("Evaluations of the loss.", path=True)


class _Descent(_Verdict):
    loss: float = column("Loss after descent.", MSE, default=nan)
    descent_outcome: str = column("How the descent ended.", default="")
    descent_iterations: int = column("Steps of the descent.", path=True, default=0)


class _Certificate(Row):
    kind: str = column("smooth, kinks, ...: what the certificate rests on.", default="")
    kinks: int = column("Pairs (neuron, sample) on a kink.", default=-1)
    silent_neurons: int = column("Neurons that contribute nothing on the data.", default=-1)
    stationarity: float = column("Largest relative residual of the conditions.", default=nan)
    tolerance: float = column("What counts as zero for it.", default=nan)
    slack: float = column("A better point in the ball is so much better at most.", MSE, default=nan)
    radius: float = column("Certified radius r in the sense of (9).", PARAMETERS, default=nan)
    violations: str = column("How it violates its space; then it is not probed.", default="")
    activation: str = column("Activation key: equal for the same minimum on the data.", default="")
    proof: str = column(PROOF, default="")
    proof_reason: str = column("Why there is none.", path=True, default="")
    proof_distance: float = column("To the exact point, at most.", PARAMETERS, default=nan)


class Identity(Row):
    """One data set of the study: the file that it was read from, and what became of its columns.

    Columns that are not standardized have mean 0 and scale 1.
    """

    name = "datasets"
    dataset: str = column(DATASET, key=True)
    kind: str = column("How it was made: csv, parquet, teacher, ...")
    file: str = column("Name of the file, without its folder; empty where there is none.")
    sha256: str = column("Of the bytes of that file.")
    digest: str = column("Of names and values as stored, by which files know their data.")
    rows: int = column("Rows of the file, else samples.")
    dropped: int = column("Of these, left out as they lack a value.")
    dropped_rows: str = column("Their numbers: lines of a CSV file, whose header is 1.")
    samples: int = column("Samples n.")
    inputs: int = column("Features d.")
    features: str = column("Their names.")
    encoded: str = column("Columns of categories, each of which but the first is a feature.")
    target: str = column("Name of the target.")
    standardize: str = column("What was standardized: both, features, target or none.")
    target_mean: float = column("That was subtracted from the target.", "unit of the file")
    target_scale: float = column("By which it was divided then.", "unit of the file")
    loss: str = column("What the study minimizes, with its parameters.", default="squared")
    notes: str = column("Why solvers may fail: columns of unusual size.", default="")

    @classmethod
    def of(cls, data: Dataset, file: Mapping[str, Any], loss: str = "squared") -> Self:
        """The row of a data set; ``file`` is what :class:`landscape.data.Table` records."""
        scales, encoded = data.metadata["standardization"]["target"], file.get("encoded", {})
        return cls(
            dataset=data.name, kind=data.metadata["kind"], file=file.get("file", ""),
            sha256=file.get("sha256", ""), digest=data.digest,
            rows=file.get("rows", data.n_samples), dropped=file.get("n_dropped", 0),
            dropped_rows=file.get("dropped", ""), samples=data.n_samples, inputs=data.n_features,
            features=", ".join(data.feature_names), target=data.target_name,
            encoded="; ".join(f"{name}: {', '.join(own)}" for name, own in encoded.items()),
            standardize=data.metadata["standardize"], target_mean=scales["mean"],
            target_scale=scales["scale"], loss=loss, notes="; ".join(data.unusual()),
        )  # fmt: skip


class End(WithNetwork, _Certificate, _Descent):
    """Where a descent ended, and what is certified there."""

    loss_start: float = column("Loss before it.", MSE)


class Fit(WithNetwork, _Certificate, _Descent, _Training, OfCell):
    """One start: a random network, trained over a space, then descended to a local minimum.

    Equal `start` of different spaces is the same network. The verdict is that of the exact test of
    local minimality of the end. Unrestricted ends are also lifted into N* (Lemma A.4).
    """

    name = "fits"
    positive_signs: int = column("Sign class: positive output weights of the start.")
    minimum: int = column("Number of the distinct minimum reached, -1 if none.", default=-1)
    lift_start_loss: float = column("Loss of the lifted end.", MSE, default=nan)
    lift_loss: float = column("Loss after descending in N* from there.", MSE, default=nan)
    lift_verdict: str = column("Verdict on that end in N*.", default="")


class Minimum(WithNetwork, _Certificate, _OfMinimum, OfCell):
    """One distinct certified local minimum of a cell.

    Starts that reach the same activation cell, up to permutations and shifts that the data do
    not see, count as one. The true radius r* is the supremum of the radii for which (9) holds.
    """

    name = "minima"
    multiplicity: int = column("Starts that reached it.")
    first_start: int = column("The start that represents it.")
    loss: float = column("Loss.", MSE)
    loss_spread: float = column("Largest minus smallest loss of its starts: rounding.", MSE)
    radius_low: float = column("Proven lower bound of r*: r, or by branch and bound.", PARAMETERS)
    radius_high: float = column("Upper bound, by a better point; or inf.", PARAMETERS, default=inf)
    radius_low_method: str = column("r_cell, branch and bound or residual.", default="r_cell")
    radius_high_method: str = column("falsifier, none found, ...; empty: not asked.", default="")
    radius_nodes: int = column("Convex programs that the bracket took.", path=True, default=0)
    radius_reason: str = column("Why the bracket is no narrower.", path=True, default="")
    paper_radius: float = column("r^2/16 of Corollary 1.3, of the realization.", SEMINORM)
    sharp_radius: float = column("r^2/8, from the sharp constant 2 sqrt(2).", SEMINORM)
    rigidity_radius: float = column("min_i |u_i|/2: below it only scales are free.", SEMINORM)


class Probe(_Verdict, _Better, _Data):
    """One minimum of N* in realization space: the ball of a radius just below min_i |u_i|/2.

    Only the neurons' scales are free there, and every local minimum is one of the loss on the whole
    ball (Theorem 13), which holds the balls of Corollary 1.3: a violation would be a mistake of a
    proof or of this software. Minima of N' are in the tables natural and brackets.
    """

    name = "probes"
    minimum: int = column("Number of the distinct certified minimum of N*.", key=True)
    radius: float = column("Radius of the ball.", SEMINORM)
    lower_bound: float = column("Proven: no loss in the ball is lower by more.", MSE, default=nan)
    cuts: int = column("Cutting planes.", path=True, default=0)
    regime: str = column("rigid or beyond: whether only scales are free.", default="")


class Bracket(WithNetwork, _Better, _OfMinimum, OfCell):
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
    radius_high: float = column("Distance of a better one, or inf.", SEMINORM, default=inf)
    reason_low: str = column("What the lower bound rests on.", path=True, default="none")
    uniform_radius: float = column(UNIFORM_RADIUS, "uniform norm on [-1, 1]^inputs", default=nan)
    exchanged: int = column("Neurons of the minimum that the better one lacks.", default=0)
    source: str = column("Where its new directions came from.", default="")
    programs: int = column("Convex programs solved.", path=True, default=0)
    witnesses: int = column("Better realizations that were verified.", path=True, default=0)
    reason: str = column("Why.", path=True, default="")


class Control(_Verdict, _Better, _Data):
    """One step of one control: a parameter minimum outside N*, and a better realization nearby.

    The control (C.1 unbalanced, C.2 redundant, C.3 opposite) has the realization of a minimum of
    N*, or of one that was extended for it (Theorem 15). It must be violated, unless no network of
    any width is better: then it holds.
    """

    name = "controls"
    minimum: int = column("Number of the minimum of N* that it is built from.", key=True)
    kind: str = column("C.1, C.2 or C.3.", key=True)
    step: int = column("Counted from the largest distance.", key=True, default=0)
    base: str = column("minimum, or extended by two neurons that C.3 needs.", default="minimum")
    certificate_radius: float = column("Certified radius of it.", PARAMETERS, default=nan)
    slope: float = column("Derivative of the loss by the distance at 0.", MSE, default=nan)
    fibre_distance: float = column(
        "To all parametrizations of the better realization, at least.", PARAMETERS, default=nan
    )


class Natural(_Verdict, _Better, _OfMinimum, OfCell):
    """One distinct certified minimum of N' or of the unrestricted space as training finds it.

    Its degeneracies, and whether it is a minimum in realization space, as Proposition 1.2 says of
    N*. Numbers of neurons are -1 where they were not counted.
    """

    name = "natural"
    loss: float = column("Loss.", MSE)
    silent: int = column("Neurons that are inactive on all samples.", default=-1)
    zero: int = column("Neurons with c_i = 0 or a_i = 0.", default=-1)
    imbalance: float = column("Largest |log(|c_i| / |a_i|)| of the others.", default=nan)
    redundant: int = column("Pairs of neurons of the same direction.", default=-1)
    opposite: int = column("Pairs of opposite directions.", default=-1)
    flip_gap: float = column("min over sets S of |sum_S c_i a_i| (A.3).", SEMINORM, default=nan)
    spare: int = column("Neurons that the realization could do without.", default=-1)
    radius: float = column("Radius of the ball that was probed, if one was.", SEMINORM, default=nan)


class Converse(_Data):
    """One network of N* with random directions and optimal scales.

    It is a minimum in realization space, and in parameter space? Proposition 1.2 does not say so,
    and it is not (Theorem 14).
    """

    name = "converse"
    draw: int = column("Number of the draw.", key=True)
    positive_signs: int = column("Sign class drawn.")
    turned: int = column("Neurons whose optimal scale turned their sign.", default=-1)
    drawn_loss: float = column("Loss as drawn.", MSE)
    loss: float = column("Loss with optimal scales.", MSE, default=nan)
    radius: float = column("Radius of the ball in realization space.", SEMINORM, default=nan)
    realization: str = column("Verdict: whether it is a minimum on that ball.", default=UNDECIDED)
    gap: float = column("Loss minus the best loss found in the ball.", MSE, default=nan)
    tolerance: float = column("Gaps up to here are rounding.", MSE, default=nan)
    parameters: str = column("Verdict: whether it is one of the parameters.", default=UNDECIDED)
    slope: float = column("Steepest derivative of the loss that the test found.", default=nan)
    descended_loss: float = column("Loss after descent.", MSE, default=nan)
    reason: str = column("Why.", path=True, default="")


class Optimum(WithNetwork, _Verdict, OfCell):
    """How low the loss can be in one cell, whatever the start: a bracket of the global minimum.

    By branch and bound (Theorems 24 and 30), from the cell's best minimum on; the reason says how
    it ended. The verdict is on that minimum: holds, where no network is lower by more than the
    tolerance; violated, where one was found that is.
    """

    name = "optima"
    loss: float = column("Least loss of the cell's certified minima.", MSE, default=nan)
    global_low: float = column("No network of the space has less.", MSE)
    global_high: float = column("What the best network known has.", MSE)
    global_gap: float = column("loss - global_low.", MSE, default=nan)
    tolerance: float = column("Losses that differ by no more count as equal.", MSE)
    method: str = column("How the lower end was found.")
    nodes: int = column("Nodes that were bounded.")
    open: int = column("Of these, left to be branched.")


class Pair(_Verdict, _Data):
    """One pair of networks: distance of parametrizations against that of realizations.

    For inverse stability itself (Definition 1.1, Corollary 3.3: is distance <= bound?) and for the
    forward direction. Within N*: minima (two of them), random, again (one reached twice), scaled,
    opposed, extremal, forward (all entries perturbed). Outside: C.1, C.2, C.3; their distance is a
    lower bound over all parametrizations of the second realization.
    """

    name = "pairs"
    kind: str = column("How the pair was made.", key=True)
    pair: int = column("Number of the pair within its kind.", key=True)
    first: int = column("Number of the first network's minimum of N*, -1 if it is none.")
    second: int = column("Number of the second's, -1 if it is none.")
    within: bool = column("1 for pairs from N*, 0 outside.")
    inputs: int = column("Inputs of the networks, d + 2 for d features.")
    width: int = column("Neurons of the first network.")
    scale: float = column("Size of the change that makes the second network.")
    seminorm: float = column("Distance r of the realizations.", SEMINORM, default=nan)
    exact: bool = column("1 where r is exact.", default=False)
    distance: float = column("Of the parametrizations, up to order.", PARAMETERS, default=nan)
    ratio: float = column("distance / sqrt(r).", default=nan)
    paper_bound: float = column("4 sqrt(r), (38).", PARAMETERS, default=nan)
    bound: float = column("2 sqrt(2) sqrt(r), sharp on N*.", PARAMETERS, default=nan)
    uniform: float = column("Exact sup on [-1, 1]^inputs, for up to four inputs.", default=nan)
    uniform_bound: float = column("Its Lipschitz bound in the parameters.", default=nan)


class Run(_Descent, _Training, _Data):
    """One start of one solver over N*, its end point tested as it is and descended from.

    Equal `start` of different solvers, and of the table fits, is the same network.
    """

    name = "runs"
    solver: str = column("Of scipy.optimize (trf: least_squares), or one's own.", key=True)
    trained_verdict: str = column("Exact test of the end before descent.", default=UNDECIDED)
    trained_reason: str = column("Why.", path=True, default="")


class Imported(_Verdict):
    """One network that a data set of the study brings, judged as it is, beside the study's starts.

    In the units of the study: its standardization is folded in. The nearest minimum is that of N
    that `landscape.analyse` finds, of `nearest_loss`.
    """

    name = "networks"
    dataset: str = column(DATASET, key=True)
    network: str = column("File that it was read from.", key=True)
    neurons: int = column(NEURONS)
    dtype: str = column("Its precision.")
    loss: float = column("Loss.", MSE)
    stationarity: float = column("Largest relative residual of the conditions.", default=nan)
    radius: float = column("Certified radius, of a minimum.", PARAMETERS, default=nan)
    nearest_outcome: str = column("How the descent to the nearest minimum ended.", default="")
    nearest_loss: float = column("Loss there.", MSE, default=nan)
    nearest_parameters: float = column("Distance, modulo symmetries.", PARAMETERS, default=nan)
    nearest_values: float = column("Largest difference on the data.", default=nan)
    precision: float = column("The same in units of its precision, 1: at it.", default=nan)
    imbalance: float = column("Largest relative unbalancedness (C.1).", default=nan)
    closest_angle: float = column("Smallest angle of two neurons (C.2).", "degrees", default=nan)
    opposite_angle: float = column("Largest angle of two neurons (C.3).", "degrees", default=nan)
    silent: int = column("Neurons that are inactive on all samples.", default=-1)
    spare: int = column("Neurons that the function can do without.", default=-1)
    implication: str = column("Verdict of Proposition 1.2 at the minimum.", default=UNDECIDED)
    lipschitz: float = column("Constant, Euclidean norm, of the standardized inputs.", default=nan)
    lipschitz_exact: bool = column("1 where it is exact.", default=False)
    best_loss: float = column("Least loss of the study's certified ends.", MSE, default=nan)
    lower: float = column("Share of these, of as many neurons, that are lower.", default=nan)


class _OfProblem(Row):
    problem: str = column("Name of the small problem in the config.", key=True)
    neurons: int = column(NEURONS)


class Entry(WithNetwork, _OfProblem):
    """One connected set of local minima on N*, of all that exist for a small problem.

    Modulo permutation and shifts that the data do not see; certificates are of a representative.
    """

    name = "atlas"
    number: int = column("Number of the entry, in the order of the losses.", key=True)
    loss: float = column("Loss.", MSE)
    is_global: bool = column("1 for the least loss, else 0.")
    dimension: int = column("Dimension in effective coordinates; 0 is isolated.")
    pieces: int = column("Joint activation faces that the entry consists of.")
    sign_classes: str = column("Numbers of positive signs that occur.")
    kind: str = column("smooth, kinks, ...: what the certificate rests on.")
    kinks: int = column("Pairs (neuron, sample) on a kink.")
    stationarity: float = column("Largest relative residual of the conditions.")
    tolerance: float = column("What counts as zero for it.")
    slack: float = column("By how much a better point in the ball could be better.", MSE)
    radius: float = column("Certified radius.", PARAMETERS)
    activation: str = column("Activation key.")


class Valley(WithNetwork, _OfProblem):
    """One valley of the loss of a small problem, modulo permutation (Theorem 20).

    A component of sublevel sets, from its lowest point until it merges into a lower one.
    """

    name = "valleys"
    space: str = column(SPACE, key=True)
    valley: int = column("Number of the valley within its space, by loss.", key=True)
    loss: float = column("Least loss.", MSE)
    barrier: float = column("Where it merges into a lower one; inf for the lowest of all.", MSE)
    parent: int = column("The valley into which it merges; -1 where none is lower.")
    spurious: bool = column("1 if its least loss is above that of the space, else 0.")
    positive: int = column("Positive output weights at its lowest point.")
    cells: int = column("Joint activation cells when it merges.")
    minima: int = column("Entries of the atlas, minima on N*, in it; -1 for N.", default=-1)
    starts: int = column("Starts of all solvers in this space that end at a minimum in it.")
    balanced: int = column("The valley of N' that it is part of; N* only, else -1.", default=-1)
    verdict: str = column("Of the certificate of its lowest point.")
    saddle_weights: NDArray | None = array(2)
    saddle_output_weights: NDArray | None = array(1)
    profile: NDArray | None = array(2)


class Barrier(_OfProblem):
    """The starts of one solver that end in one valley, and how high they would have to climb.

    An end is the certified minimum that the descent from the trained network reaches.
    """

    name = "barriers"
    space: str = column(SPACE, key=True)
    solver: str = column("Before the descent; descent for none.", key=True)
    valley: int = column("Number of the valley, see table `valleys`.", key=True)
    starts: int = column("How many of this solver's starts end in it.")
    spurious: bool = column("1 if its least loss is above that of the space, else 0.")
    loss: float = column("Median loss of these ends.", MSE)
    barrier: float = column("To reach a lower valley they would have to climb to it; or inf.", MSE)


class Coverage(_OfProblem):
    """One start of one solver, looked up in the atlas.

    Equal `start` of different solvers is the same network.
    """

    name = "coverage"
    solver: str = column("Before the descent; descent for none.", key=True)
    start: int = column("Index of the start.", key=True)
    number: int = column("Entry of the atlas; -1: no certified minimum; -2: the atlas lacks it.")
    is_global: bool = column("1 if that is a global minimum, else 0.")
    distinct: int = column("Distinct entries found up to this start.")
    global_hits: int = column("Starts up to this one that ended in a global minimum.")
    trained_loss: float = column("Loss before the descent.", MSE)
    loss: float = column("Loss after it.", MSE)
    outcome: str = column("How the descent ended.")


#: What is asked of the minima of a cell, by kind of file, which is the name of its table: the
#: section of the configuration with the options, the table, and a function that is called with
#: cell, minima, these options and ``progress``.
STEPS = {
    "probes": ("probe", Probe, "landscape.study.probes:probe_minima"),
    "controls": ("controls", Control, "landscape.study.probes:follow_controls"),
    "pairs": ("pairs", Pair, "landscape.study.pairs:measure_pairs"),
    "natural": ("natural", Natural, "landscape.study.probes:examine_minima"),
    "converse": ("converse", Converse, "landscape.study.probes:draw_converse"),
    "optima": ("bracket", Optimum, "landscape.study.radii:bracket_optima"),
}
