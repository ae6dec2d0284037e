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
    gap: float = column("By how much the loss of that realization is lower.", MSE, default=nan)
    tolerance: float = column("Gaps up to this size are rounding.", MSE, default=nan)


class _Verdict(Row):
    verdict: str = column("holds, violated or undecided.", default=UNDECIDED)
    reason: str = column("Why the verdict is as it is.", path=True, default="")


class _Training(Row):
    start: int = column("Index of the start.", key=True)
    start_loss: float = column("Loss of the start.", MSE)
    trained_loss: float = column("Loss after training.", MSE)
    training_outcome: str = column("converged, iteration_limit, stalled or failed.")
    training_message: str = column("The solver's own words.", path=True)
    training_iterations: int = column("Iterations of the solver.", path=True)
    training_evaluations: int = column("Evaluations of the loss.", path=True)


class _Descent(_Verdict):
    loss: float = column("Loss after the descent.", MSE, default=nan)
    descent_outcome: str = column("How the descent ended.", default="")
    descent_iterations: int = column("Steps of the descent.", path=True, default=0)


class _Certificate(Row):
    kind: str = column("smooth, kinks, ...: what the certificate rests on.", default="")
    kinks: int = column("Pairs (neuron, sample) on a kink.", default=-1)
    silent_neurons: int = column("Neurons that contribute nothing on the data.", default=-1)
    stationarity: float = column("Largest relative residual of the conditions.", default=nan)
    tolerance: float = column("Stationarity up to this size counts as zero.", default=nan)
    slack: float = column(
        "By how much a point of the ball could be better: rounding.", MSE, default=nan
    )
    radius: float = column("Certified radius r in the sense of (9).", PARAMETERS, default=nan)
    violations: str = column("How it violates its space; then it is not probed.", default="")
    activation: str = column("Activation key: equal for the same minimum on the data.", default="")
    proof: str = column(PROOF, default="")
    proof_reason: str = column("Why there is no proof.", path=True, default="")
    proof_distance: float = column(
        "Distance to the exact point that the proof is about, at most.", PARAMETERS, default=nan
    )


class Identity(Row):
    """One data set of the study: the file that it was read from, and what became of its columns.

    Columns that are not standardized have mean 0 and scale 1.
    """

    name = "datasets"
    dataset: str = column(DATASET, key=True)
    kind: str = column("How it was made: csv, parquet, teacher, ...")
    file: str = column("Name of the file, without its folder; empty where there is none.")
    sha256: str = column("Digest of the bytes of that file.")
    digest: str = column("Digest of names and values as stored, by which files know their data.")
    rows: int = column("Rows of the file, else samples.")
    dropped: int = column("Rows that were left out as they lack a value.")
    dropped_rows: str = column("Their numbers: lines of a CSV file, whose header is line 1.")
    samples: int = column("Number of samples n.")
    inputs: int = column("Number of features d.")
    features: str = column("Names of the features.")
    encoded: str = column("Columns of categories; each category but the first is a feature.")
    target: str = column("Name of the target.")
    standardize: str = column("What was standardized: both, features, target or none.")
    target_mean: float = column("Mean that was subtracted from the target.", "unit of the file")
    target_scale: float = column("Deviation that it was divided by then.", "unit of the file")
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
    multiplicity: int = column("Number of starts that reached the minimum.")
    first_start: int = column("First start that reached it; its network stands for the minimum.")
    loss: float = column("Loss of the network.", MSE)
    loss_spread: float = column("Largest minus smallest loss of its starts: rounding.", MSE)
    radius_low: float = column("Proven lower bound of r*: r, or by branch and bound.", PARAMETERS)
    radius_high: float = column(
        "Upper bound of r*: a better point; or inf.", PARAMETERS, default=inf
    )
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
    lower_bound: float = column("No loss in the ball is lower by more: proven.", MSE, default=nan)
    cuts: int = column("Cutting planes of the convex program.", path=True, default=0)
    regime: str = column("rigid where only the scales are free, else beyond.", default="")


class Bracket(WithNetwork, _Better, _OfMinimum, OfCell):
    """Bracket of the realization radius of one minimum of N* or N'.

    That is the supremum of the radii of seminorm balls around its realization without a better
    realization of the space. Beyond min_i |u_i|/2 neurons may be exchanged for others, and
    nothing is proven.
    """

    name = "brackets"
    smallest: float = column("min_i |u_i|, the smallest neuron of the minimum.", SEMINORM)
    certified: float = column("Radius r^2/8 that the certified radius r guarantees.", SEMINORM)
    radius: float = column("Radius up to which a better realization was searched for.", SEMINORM)
    radius_low: float = column("Proven lower bound of the radius.", SEMINORM, default=0.0)
    radius_high: float = column(
        "Upper bound of it: the distance of a better realization, or inf.", SEMINORM, default=inf
    )
    reason_low: str = column("What the lower bound rests on.", path=True, default="none")
    uniform_radius: float = column(UNIFORM_RADIUS, "uniform norm on [-1, 1]^inputs", default=nan)
    exchanged: int = column("Neurons of the minimum that the better realization lacks.", default=0)
    source: str = column("Where the directions of its other neurons came from.", default="")
    programs: int = column("Convex programs that were solved.", path=True, default=0)
    witnesses: int = column("Better realizations that were verified.", path=True, default=0)
    reason: str = column("Why the search ended as it did.", path=True, default="")


class Control(_Verdict, _Better, _Data):
    """One step of one control: a parameter minimum outside N*, and a better realization nearby.

    The control (C.1 unbalanced, C.2 redundant, C.3 opposite) has the realization of a minimum of
    N*, or of one that was extended for it (Theorem 15). It must be violated, unless no network of
    any width is better: then it holds.
    """

    name = "controls"
    minimum: int = column("Number of the minimum of N* that the control is built from.", key=True)
    kind: str = column("Condition of N* that the control violates: C.1, C.2 or C.3.", key=True)
    step: int = column("Step, counted from the largest distance.", key=True, default=0)
    base: str = column(
        "What it is built from: the minimum, or extended by two neurons for C.3.", default="minimum"
    )
    certificate_radius: float = column(
        "Certified radius of the control as a minimum of the parameters.", PARAMETERS, default=nan
    )
    slope: float = column("Derivative of the loss by the distance, at 0.", MSE, default=nan)
    fibre_distance: float = column(
        "Distance to all parametrizations of the better realization, at least.",
        PARAMETERS,
        default=nan,
    )


class Natural(_Verdict, _Better, _OfMinimum, OfCell):
    """One distinct certified minimum of N' or of the unrestricted space as training finds it.

    Its degeneracies, and whether it is a minimum in realization space, as Proposition 1.2 says of
    N*. Numbers of neurons are -1 where they were not counted.
    """

    name = "natural"
    loss: float = column("Loss of the network.", MSE)
    silent: int = column("Neurons that are inactive on all samples.", default=-1)
    zero: int = column("Neurons with c_i = 0 or a_i = 0.", default=-1)
    imbalance: float = column(
        "Largest |log(|c_i| / |a_i|)| of the neurons where neither is 0.", default=nan
    )
    redundant: int = column("Pairs of neurons of the same direction.", default=-1)
    opposite: int = column("Pairs of neurons of opposite directions.", default=-1)
    flip_gap: float = column(
        "Flip gap: the least |sum_S c_i a_i| over sets S of neurons (A.3).", SEMINORM, default=nan
    )
    spare: int = column("Neurons that the realization could do without.", default=-1)
    radius: float = column("Radius of the ball that was probed, if one was.", SEMINORM, default=nan)


class Converse(_Data):
    """One network of N* with random directions and optimal scales.

    It is a minimum in realization space, and in parameter space? Proposition 1.2 does not say so,
    and it is not (Theorem 14).
    """

    name = "converse"
    draw: int = column("Number of the draw.", key=True)
    positive_signs: int = column("Sign class that was drawn: positive output weights.")
    turned: int = column("Neurons whose sign the optimal scale has turned.", default=-1)
    drawn_loss: float = column("Loss of the network as it was drawn.", MSE)
    loss: float = column("Loss of the network with optimal scales.", MSE, default=nan)
    radius: float = column("Radius of the ball in realization space.", SEMINORM, default=nan)
    realization: str = column(
        "Verdict on it as a minimum in realization space, on that ball.", default=UNDECIDED
    )
    gap: float = column("Its loss minus the best loss found in the ball.", MSE, default=nan)
    tolerance: float = column("Gaps up to this size are rounding.", MSE, default=nan)
    parameters: str = column("Verdict on it as a minimum of the parameters.", default=UNDECIDED)
    slope: float = column("Steepest derivative of the loss that the test found.", default=nan)
    descended_loss: float = column("Loss after the descent.", MSE, default=nan)
    reason: str = column("Why a verdict or a number is missing.", path=True, default="")


class Optimum(WithNetwork, _Verdict, OfCell):
    """How low the loss can be in one cell, whatever the start: a bracket of the global minimum.

    By branch and bound (Theorems 24 and 30), from the cell's best minimum on; the reason says how
    it ended. The verdict is on that minimum: holds, where no network is lower by more than the
    tolerance; violated, where one was found that is.
    """

    name = "optima"
    loss: float = column("Least loss of the cell's certified minima.", MSE, default=nan)
    global_low: float = column("Lower end of the global minimum: no network has a lower loss.", MSE)
    global_high: float = column("Upper end of it: the loss of the best network known.", MSE)
    global_gap: float = column("loss - global_low.", MSE, default=nan)
    tolerance: float = column("Losses that differ by no more than this count as equal.", MSE)
    method: str = column("How the lower end was found.")
    nodes: int = column("Nodes of branch and bound whose loss was bounded.")
    open: int = column("Nodes that are left to be branched.")


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
    second: int = column("Number of the second network's minimum of N*, -1 if it is none.")
    within: bool = column("1 for pairs from N*, 0 for the controls outside.")
    inputs: int = column("Inputs of the networks, d + 2 for d features.")
    width: int = column("Neurons of the first network.")
    scale: float = column("Size of the change that makes the second network.")
    seminorm: float = column("Distance r of the realizations.", SEMINORM, default=nan)
    exact: bool = column("1 where r is exact, 0 where it is a lower bound.", default=False)
    distance: float = column(
        "Distance of the parametrizations modulo permutation of the neurons.",
        PARAMETERS,
        default=nan,
    )
    ratio: float = column("distance / sqrt(r).", default=nan)
    paper_bound: float = column("Bound 4 sqrt(r) of the paper, (38).", PARAMETERS, default=nan)
    bound: float = column("Bound 2 sqrt(2) sqrt(r), which is sharp on N*.", PARAMETERS, default=nan)
    uniform: float = column(
        "Largest difference of values on [-1, 1]^inputs, exact; for up to four inputs.", default=nan
    )
    uniform_bound: float = column("Bound of it by the distance of the parameters.", default=nan)


class Run(_Descent, _Training, _Data):
    """One start of one solver over N*, its end point tested as it is and descended from.

    Equal `start` of different solvers, and of the table fits, is the same network.
    """

    name = "runs"
    solver: str = column("Solver of scipy.optimize (trf: least_squares), or one's own.", key=True)
    trained_verdict: str = column("Verdict on the end point before the descent.", default=UNDECIDED)
    trained_reason: str = column("Why that verdict is as it is.", path=True, default="")


class Imported(_Verdict):
    """One network that a data set of the study brings, judged as it is, beside the study's starts.

    In the units of the study: its standardization is folded in. The nearest minimum is that of N
    that `landscape.analyse` finds, of `nearest_loss`.
    """

    name = "networks"
    dataset: str = column(DATASET, key=True)
    network: str = column("File that it was read from.", key=True)
    neurons: int = column(NEURONS)
    dtype: str = column("Precision of its numbers in the file.")
    loss: float = column("Loss of the network.", MSE)
    stationarity: float = column("Largest relative residual of the conditions.", default=nan)
    radius: float = column("Certified radius, of a minimum.", PARAMETERS, default=nan)
    nearest_outcome: str = column("How the descent to the nearest minimum ended.", default="")
    nearest_loss: float = column("Loss at the nearest minimum.", MSE, default=nan)
    nearest_parameters: float = column(
        "Distance to the nearest minimum, modulo symmetries.", PARAMETERS, default=nan
    )
    nearest_values: float = column(
        "Largest difference of values from the nearest minimum on the data.", default=nan
    )
    precision: float = column("That in units of the file's precision; 1: rounding.", default=nan)
    imbalance: float = column("Largest relative unbalancedness (C.1).", default=nan)
    closest_angle: float = column("Smallest angle of two neurons (C.2).", "degrees", default=nan)
    opposite_angle: float = column("Largest angle of two neurons (C.3).", "degrees", default=nan)
    silent: int = column("Neurons that are inactive on all samples.", default=-1)
    spare: int = column("Neurons that the function can do without.", default=-1)
    implication: str = column("Verdict of Proposition 1.2 at the minimum.", default=UNDECIDED)
    lipschitz: float = column("Lipschitz constant on standardized inputs, Euclidean.", default=nan)
    lipschitz_exact: bool = column("1 where that is exact, else 0.", default=False)
    best_loss: float = column("Least loss of the study's certified minima.", MSE, default=nan)
    lower: float = column("Share of these, with as many neurons, that are lower.", default=nan)


class _OfProblem(Row):
    problem: str = column("Name of the small problem in the config.", key=True)
    neurons: int = column(NEURONS)


class Entry(WithNetwork, _OfProblem):
    """One connected set of local minima on N*, of all that exist for a small problem.

    Modulo permutation and shifts that the data do not see; certificates are of a representative.
    """

    name = "atlas"
    number: int = column("Number of the entry, in the order of the losses.", key=True)
    loss: float = column("Loss of the network.", MSE)
    is_global: bool = column("1 for entries of the least loss, else 0.")
    dimension: int = column("Dimension of the set in effective coordinates; 0 for isolated minima.")
    pieces: int = column("Joint activation faces that the entry consists of.")
    sign_classes: str = column("Numbers of positive output weights that occur in it.")
    kind: str = column("smooth, kinks, ...: what the certificate rests on.")
    kinks: int = column("Pairs (neuron, sample) on a kink.")
    stationarity: float = column("Largest relative residual of the conditions.")
    tolerance: float = column("Stationarity up to this size counts as zero.")
    slack: float = column("By how much a point of the ball could be better: rounding.", MSE)
    radius: float = column("Certified radius r of (9), of the representative.", PARAMETERS)
    activation: str = column("Activation key: equal for the same minimum on the data.")


class Valley(WithNetwork, _OfProblem):
    """One valley of the loss of a small problem, modulo permutation (Theorem 20).

    A component of sublevel sets, from its lowest point until it merges into a lower one.
    """

    name = "valleys"
    space: str = column(SPACE, key=True)
    valley: int = column("Number of the valley within its space, by loss.", key=True)
    loss: float = column("Least loss of the valley.", MSE)
    barrier: float = column("Loss at which it merges into a lower one; inf for the lowest.", MSE)
    parent: int = column("Number of the valley into which it merges; -1 where none is lower.")
    spurious: bool = column("1 if the valley's least loss is above that of the space, else 0.")
    positive: int = column("Positive output weights at its lowest point.")
    cells: int = column("Number of joint activation cells that it consists of when it merges.")
    minima: int = column("Minima of the atlas, on N*, that lie in it; -1 for N.", default=-1)
    starts: int = column("Starts of all solvers in this space that end at a minimum in it.")
    balanced: int = column("Valley of N' that it is part of; N* only, else -1.", default=-1)
    verdict: str = column("Verdict of the certificate of its lowest point.")
    saddle_weights: NDArray | None = array(2)
    saddle_output_weights: NDArray | None = array(1)
    profile: NDArray | None = array(2)


class Barrier(_OfProblem):
    """The starts of one solver that end in one valley, and how high they would have to climb.

    An end is the certified minimum that the descent from the trained network reaches.
    """

    name = "barriers"
    space: str = column(SPACE, key=True)
    solver: str = column("Solver that ran before the descent; descent for none.", key=True)
    valley: int = column("Number of the valley, see table `valleys`.", key=True)
    starts: int = column("Number of this solver's starts that end in the valley.")
    spurious: bool = column("1 if the valley's least loss is above that of the space, else 0.")
    loss: float = column("Median loss of the minima that these starts end at.", MSE)
    barrier: float = column(
        "Loss that they would have to climb to for a lower valley; or inf.", MSE
    )


class Coverage(_OfProblem):
    """One start of one solver, looked up in the atlas.

    Equal `start` of different solvers is the same network.
    """

    name = "coverage"
    solver: str = column("Solver that ran before the descent; descent for none.", key=True)
    start: int = column("Index of the start.", key=True)
    number: int = column("Entry of the atlas; -1: no certified minimum; -2: not in the atlas.")
    is_global: bool = column("1 if the start ended at a global minimum, else 0.")
    distinct: int = column("Distinct entries found up to this start.")
    global_hits: int = column("Starts up to this one that ended in a global minimum.")
    trained_loss: float = column("Loss before the descent.", MSE)
    loss: float = column("Loss after the descent.", MSE)
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
