"""Copy figures of a finished study to docs/figures, and its summary into the README.

Run from the repository's root: python workflow/scripts/publish.py
"""

import sys
from pathlib import Path

from landscape.data import copy_file, write_text
from landscape.tables import read_table, render_markdown

BEGIN, END = "<!-- begin: made by publish.py -->", "<!-- end: made by publish.py -->"
FIGURES = (
    "losses",
    "stability",
    "radii",
    "probes",
    "solvers",
    "brackets",
    "controls",
    "converse",
    "natural",
    "inverse",
    "atlas",
    "coverage",
)
SPACES = {"restricted": "N*", "unrestricted": "unrestricted"}


def share(value, total):
    return f"{value:.0f} of {total:.0f}" if total else ""


def percent(value):
    return f"{100 * value:.0f} %" if value == value else ""


def rows(summary):
    """One row per cell of N* and of the unrestricted space, as text."""
    for row in summary[summary["space"] != "balanced"].itertuples():
        probes = row.probes_hold + row.probes_violated + row.probes_undecided
        yield {
            "data": row.dataset,
            "m": str(row.neurons),
            "space": SPACES[row.space],
            "certified": share(row.certified, row.starts),
            "distinct": str(row.distinct_minima),
            "best loss": f"{row.best_loss:.4f}",
            "per start": percent(row.paired_not_worse),
            "lifted": percent(row.lifts_not_worse),
            "balls": share(row.probes_hold, probes),
            "controls": share(row.controls_violated, row.controls),
        }


def table(summary):
    lines = [list(row.values()) for row in rows(summary)]
    names = list(next(rows(summary)))
    rule = ["---"] * 3 + ["--:"] * (len(names) - 3)
    return "\n".join("| " + " | ".join(line) + " |" for line in [names, rule, *lines])


def findings(read):
    """Sentences whose numbers come from the tables."""
    probes, minima, runs = read["probes"], read["minima"], read["runs"]
    balls = probes[(probes["space"] == "restricted") & (probes["ball"] != "control C.1")]
    counts = balls["verdict"].value_counts()
    controls = read["controls"]
    controls = controls[controls["verdict"] != "holds"]  # no network of any width is better
    steps = controls["verdict"].eq("violated")
    kinds = controls.groupby(["dataset", "neurons", "minimum", "kind"])["verdict"]
    failing = kinds.agg(lambda verdicts: verdicts.eq("violated").all())
    ours = minima[minima["space"] == "restricted"]
    loose = (ours["rigidity_radius"] / ours["paper_radius"]).median()
    draws, natural = read["converse"], read["natural"]
    spare = natural[natural["spare"] > 0]
    before = runs["trained_verdict"].eq("holds").groupby(runs["solver"]).mean()
    after = runs["descent_outcome"].eq("minimum").mean()
    shares = ", ".join(f"{solver} {percent(share)}" for solver, share in before.items())
    return (
        f"Of {len(balls)} balls around certified minima of N*, {counts.get('holds', 0)} hold no "
        f"better realization, {counts.get('violated', 0)} hold one and "
        f"{counts.get('undecided', 0)} are undecided. Of {len(failing)} controls outside N*, "
        f"{int(failing.sum())} have better realizations at every distance that was tried "
        f"({int(steps.sum())} of {len(steps)} steps). In the median, half of the smallest ‖u_i‖ "
        f"exceeds the radius r²/16 of Corollary 1.3 by a factor of about "
        f"{float(f'{loose:.1g}'):,.0f}.\n\n"
        f"Of {len(draws)} networks with random directions and optimal scales, "
        f"{int(draws['realization'].eq('holds').sum())} are minima in realization space and "
        f"{int(draws['parameters'].eq('holds').sum())} in parameter space. Of {len(natural)} "
        f"minima of N' and of unrestricted networks, {len(spare)} have neurons to spare, and at "
        f"{int(natural['verdict'].eq('violated').sum())} the implication fails. End points that "
        f"are certified minima of N* before any descent: {shares}; after it, of all solvers: "
        f"{percent(after)}."
    )


def main(results):
    results = Path(results)
    names = ("summary", "probes", "minima", "controls", "converse", "natural", "runs")
    read = {name: read_table(name, results / f"tables/{name}.parquet") for name in names}
    target = Path("docs/figures")
    for figure in FIGURES:
        copy_file(results / f"figures/{figure}.png", target / f"{figure}.png")
    readme = Path("README.md")
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    content = f"\n{findings(read)}\n\n{table(read['summary'])}\n"
    write_text(readme, before + BEGIN + "\n" + content + "\n" + END + after)
    write_text("docs/tables.md", render_markdown())


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["results/default"]))
