"""Columns of every table: name, type, unit and meaning. docs/tables.md is rendered from here."""

from __future__ import annotations

from landscape.tables.atlas_schemas import ATLAS, COVERAGE
from landscape.tables.columns import CELL, MINIMUM, MSE, PARAMETERS, SEMINORM, Column, Table
from landscape.tables.experiments import EXPERIMENTS

__all__ = ["MSE", "PARAMETERS", "SEMINORM", "TABLES", "Column", "Table", "render_markdown"]

FITS = Table(
    "fits",
    "One start: a random network, trained over a space, then descended to a local minimum. "
    "Equal `start` of different spaces is the same network.",
    (
        *CELL,
        Column("start", "integer", "Index of the start."),
        Column("positive_signs", "integer", "Sign class: positive output weights of the start."),
        Column("start_loss", "number", "Loss of the start.", MSE),
        Column("trained_loss", "number", "Loss after training.", MSE),
        Column("training_outcome", "text", "converged, iteration_limit, stalled or failed."),
        Column("training_message", "text", "The solver's own words."),
        Column("training_iterations", "integer", "Iterations of the solver."),
        Column("training_evaluations", "integer", "Evaluations of the loss."),
        Column("loss", "number", "Loss after descent.", MSE),
        Column("descent_outcome", "text", "How the descent ended."),
        Column("descent_iterations", "integer", "Steps of the descent."),
        Column("verdict", "text", "Exact test of local minimality: holds, violated, undecided."),
        Column("reason", "text", "Why."),
        Column(
            "minimum", "integer", "Number of the distinct minimum that was reached, -1 if none."
        ),
        Column(
            "lift_start_loss",
            "number",
            "Unrestricted only: loss after lifting the end into N* (Lemma A.4).",
            MSE,
        ),
        Column(
            "lift_loss", "number", "Unrestricted only: loss after descending in N* from there.", MSE
        ),
        Column("lift_verdict", "text", "Unrestricted only: verdict on that end in N*."),
    ),
    ("dataset", "space", "neurons", "start"),
)

MINIMA = Table(
    "minima",
    "One distinct certified local minimum of a cell; starts that reach the same activation cell, "
    "up to permutations and shifts that the data do not see, count as one.",
    (
        *CELL,
        MINIMUM,
        Column("multiplicity", "integer", "Starts that reached it."),
        Column("first_start", "integer", "The start that represents it."),
        Column("loss", "number", "Loss.", MSE),
        Column(
            "loss_spread", "number", "Largest minus smallest loss of its starts: rounding.", MSE
        ),
        Column("kind", "text", "smooth, kink, ...: what the certificate rests on."),
        Column("outcome", "text", "How the descent of the first start ended."),
        Column("iterations", "integer", "Steps of that descent."),
        Column("kinks", "integer", "Pairs (neuron, sample) on a kink."),
        Column("silent_neurons", "integer", "Neurons that contribute nothing on the data."),
        Column(
            "stationarity", "number", "Largest relative residual of the first-order conditions."
        ),
        Column("tolerance", "number", "What counts as zero for it."),
        Column(
            "slack",
            "number",
            "By how much a better point in the ball could be better at most, given the residual.",
            MSE,
        ),
        Column(
            "radius",
            "number",
            "Certified radius r of the minimum, in the sense of (9).",
            PARAMETERS,
        ),
        Column(
            "paper_radius",
            "number",
            "r^2/16 of Corollary 1.3: radius of the realization minimum.",
            SEMINORM,
        ),
        Column(
            "radius_low",
            "number",
            "Proven lower bound of the true radius r* (the supremum of the radii for which (9) "
            "holds): the certified radius, raised by branch and bound for the minima that are "
            "bracketed.",
            PARAMETERS,
        ),
        Column(
            "radius_high",
            "number",
            "Upper bound of r*: distance of a better point of the space; inf where none was found.",
            PARAMETERS,
        ),
        Column(
            "radius_low_method", "text", "r_cell (the certificate), branch and bound or residual."
        ),
        Column(
            "radius_high_method",
            "text",
            "falsifier, branch and bound, none found or residual; empty where no bracket was asked "
            "for.",
        ),
        Column("radius_nodes", "integer", "Convex programs that the bracket took."),
        Column("radius_reason", "text", "Why the bracket is no narrower."),
        Column("notes_radius", "number", "r^2/8, from the constant 2 sqrt(2).", SEMINORM),
        Column(
            "rigidity_radius",
            "number",
            "min_i |u_i|/2: below it only the neurons' scales are free.",
            SEMINORM,
        ),
        Column(
            "violations",
            "text",
            "Conditions of the space that the minimum violates (it lies "
            "on the border); such minima are not probed.",
        ),
    ),
    ("dataset", "space", "neurons", "minimum"),
)

PROBES = Table(
    "probes",
    "One ball in realization space around a certified minimum (Proposition 1.2), or one step of "
    "the control C.1: a better realization at the given distance.",
    (
        *CELL,
        MINIMUM,
        Column(
            "ball",
            "text",
            "paper (r^2/16), notes (r^2/8), rigid (a fraction of min|u_i|/2), or control C.1.",
        ),
        Column(
            "step",
            "integer",
            "Step of the control, counted from the largest distance; 0 for balls.",
        ),
        Column("radius", "number", "Radius of the ball.", SEMINORM),
        Column(
            "verdict",
            "text",
            "holds: no better realization in the ball; violated: there is one; undecided.",
        ),
        Column("gap", "number", "Loss of the minimum minus the best loss found in the ball.", MSE),
        Column(
            "lower_bound",
            "number",
            "Proven lower bound of the best loss in the ball minus the loss of the minimum.",
            MSE,
        ),
        Column("tolerance", "number", "Gaps up to here are rounding.", MSE),
        Column(
            "distance", "number", "Exact seminorm distance of the best realization found.", SEMINORM
        ),
        Column("cuts", "integer", "Cutting planes."),
        Column("regime", "text", "rigid or beyond: whether only scales are free in the ball."),
        Column("reason", "text", "Why."),
    ),
    ("dataset", "space", "neurons", "minimum", "ball", "step"),
)

PAIRS = Table(
    "pairs",
    "One pair of networks: distance of parametrizations against that of realizations "
    "(Corollary 3.3).",
    (
        Column("dataset", "text", "Name of the data set in the config."),
        Column(
            "neurons", "integer", "Neurons m of the network with biases; the pair's have m + 1."
        ),
        Column(
            "kind", "text", "Within N*: minima, scaled, opposed, extremal. Outside: control C.1."
        ),
        Column("pair", "integer", "Number of the pair within its kind."),
        Column("first", "integer", "Number of the first network's minimum of N*."),
        Column("second", "integer", "Number of the second's, -1 if constructed."),
        Column("scale", "number", "Relative size of the change that makes the second network."),
        Column("seminorm", "number", "Distance r of the realizations.", SEMINORM),
        Column(
            "distance",
            "number",
            "Distance of the parametrizations modulo permutations; for "
            "controls, a lower bound over all parametrizations of the second realization.",
            PARAMETERS,
        ),
        Column("bound_paper", "number", "4 sqrt(r), (38).", PARAMETERS),
        Column("bound_notes", "number", "2 sqrt(2) sqrt(r), sharp on N*.", PARAMETERS),
        Column("verdict", "text", "Whether distance <= bound_notes."),
        Column("reason", "text", "Why undecided."),
    ),
    ("dataset", "neurons", "kind", "pair"),
)

SUMMARY = Table(
    "summary",
    "One cell of the study: data set, space and number of neurons.",
    (
        *CELL,
        Column("starts", "integer", "Starts."),
        Column("converged", "integer", "Trainings that converged by the solver's test."),
        Column("iteration_limit", "integer", "Trainings that reached the limit of iterations."),
        Column("stalled", "integer", "Trainings that stalled."),
        Column("failed", "integer", "Trainings that failed."),
        Column("certified", "integer", "Starts whose descent ended at a certified local minimum."),
        Column("not_minimum", "integer", "Starts whose end is proven not to be a local minimum."),
        Column("undecided", "integer", "Starts whose end the test could not decide."),
        Column("certified_share", "number", "certified / starts."),
        Column("distinct_minima", "integer", "Distinct certified minima."),
        Column("best_loss", "number", "Lowest loss of all starts.", MSE),
        Column("best_certified_loss", "number", "Lowest loss of the certified minima.", MSE),
        Column("median_loss", "number", "Median over the starts of the loss after descent.", MSE),
        Column("median_trained_loss", "number", "The same before descent.", MSE),
        Column("paired_starts", "integer", "Starts that are compared with the unrestricted space."),
        Column(
            "paired_not_worse",
            "number",
            "Share of them that end no higher here than the same "
            "start does in the unrestricted space.",
        ),
        Column("paired_better", "number", "Share of them that end lower here."),
        Column("lifts", "integer", "Unrestricted only: ends that were lifted into N*."),
        Column(
            "lifts_not_worse",
            "number",
            "Share of them whose descent in N* ends no higher (Corollary 1.3, item 2).",
        ),
        Column("best_lift_loss", "number", "Lowest loss of those descents.", MSE),
        Column("probed_minima", "integer", "Minima whose balls were probed."),
        Column("probes_hold", "integer", "Balls without a better realization."),
        Column("probes_violated", "integer", "Balls with one."),
        Column("probes_undecided", "integer", "Balls that could not be decided."),
        Column(
            "controls",
            "integer",
            "Controls C.1, C.2, C.3 from minima of N*, but those than which no network of any "
            "width is better.",
        ),
        Column(
            "controls_violated",
            "integer",
            "Those controls with better realizations at every step towards distance 0.",
        ),
        Column("controls_undecided", "integer", "Controls that could not be built or decided."),
        Column("natural_minima", "integer", "N' and unrestricted: minima examined as they come."),
        Column("natural_spare", "integer", "Those with neurons to spare."),
        Column("natural_hold", "integer", "Those where the implication of Proposition 1.2 holds."),
        Column("natural_violated", "integer", "Those where it fails."),
        Column("natural_undecided", "integer", "Those where that is undecided."),
        Column("bracketed_minima", "integer", "Minima whose radius was bracketed."),
        Column(
            "median_radius_ratio",
            "number",
            "Median of radius_high / radius_low over those with a finite radius.",
        ),
    ),
    ("dataset", "space", "neurons"),
)

PROVENANCE = Table(
    "provenance",
    "One fact that the results depend on: versions, seeds, configuration, code, data, platform. "
    "No times, no places.",
    (
        Column("topic", "text", "config, seed, data, code, package or platform."),
        Column("item", "text", "What."),
        Column("value", "text", "Its value."),
    ),
    ("topic", "item"),
)

#: All tables by name.
TABLES: dict[str, Table] = {
    table.name: table
    for table in (FITS, MINIMA, PROBES, PAIRS, *EXPERIMENTS, ATLAS, COVERAGE, SUMMARY, PROVENANCE)
}


def render_markdown() -> str:
    """The description of all tables, as docs/tables.md has it."""
    lines = [
        "# Tables",
        "",
        "`make study` writes each table twice with the same content, in `results/<study>/tables/`:",
        "`<name>.csv` for people, `<name>.parquet` for programs. Rows are sorted, numbers are",
        "written so that reading them gives the same number back. This page is made from",
        "`landscape/tables/schemas.py`; a test compares them.",
    ]
    for table in TABLES.values():
        lines += ["", f"## {table.name}", "", table.title, ""]
        lines += [f"Rows are identified by {', '.join(f'`{name}`' for name in table.key)}.", ""]
        lines += ["| column | type | meaning | unit |", "|---|---|---|---|"]
        for c in table.columns:
            cells = (f"`{c.name}`", c.type, c.meaning, c.unit)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
