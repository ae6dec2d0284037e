"""Copy figures of a finished study to docs/figures, draw the README's, write its summary.

Run from the repository's root: python workflow/scripts/publish.py
"""

import runpy
import shutil
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from landscape.data import write_text
from landscape.tables import ATLAS_FIGURES, FIGURES, read_table, render_markdown
from landscape.tables.rows import control_verdicts

BEGIN, END = "<!-- begin: made by publish.py -->", "<!-- end: made by publish.py -->"
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
            "at least": f"{row.global_low:.4f}" if row.global_low == row.global_low else "",
            "per start": percent(row.paired_not_worse),
            "lifted": percent(row.lifts_not_worse),
            "proved": share(row.proved_minima, row.distinct_minima),
            "rigid balls": share(row.probes_hold, probes),
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
    by_data = read["controls"].groupby("dataset")
    controls = pd.concat([control_verdicts(own) for _, own in by_data])
    failing = controls[controls != "holds"].eq("violated")  # else no network is better
    wide, proved = read["brackets"], int(minima["proof"].eq("proved").sum())
    found = wide["radius_high"] < np.inf
    least = read["optima"]["verdict"].value_counts()
    own = minima[minima["space"] == "restricted"]
    loose = (own["rigidity_radius"] / own["paper_radius"]).median()
    draws, natural = read["converse"], read["natural"]
    spare = natural[natural["spare"] > 0]
    before = runs["trained_verdict"].eq("holds").groupby(runs["solver"]).mean()
    after = runs["verdict"].eq("holds").mean()
    shares = ", ".join(f"{solver} {percent(share)}" for solver, share in before.items())
    holds, lower = int(probes["verdict"].eq("holds").sum()), int(failing.sum())
    functions = int(draws["realization"].eq("holds").sum())
    parameters = int(draws["parameters"].eq("holds").sum())
    return (
        f"- **Certificates.** Of {len(minima)} distinct certified minima, {proved} are also "
        "proved in rational arithmetic.\n"
        f"- **Balls.** Around {holds} of {len(probes)} minima of N* that were probed, the ball of "
        "radius close to ½ min ‖u_i‖ in realization space contains nothing better, as Theorem 13 "
        f"says. In the median, that radius is about {float(f'{loose:.1g}'):,.0f} times the r²/16 "
        "of Corollary 1.3. Outside the ball, better realizations were found for "
        f"{int(found.sum())} of {len(wide)} minima.\n"
        f"- **Controls.** Of {len(failing)} degenerate networks outside N*, built to violate the "
        f"implication, {lower} have better realizations at every distance tried.\n"
        f"- **No converse.** Of {len(draws)} networks with random directions and optimal scales, "
        f"{functions} are minima in realization space, but only {parameters} in parameter space.\n"
        f"- **Outside N\\*.** Of {len(natural)} minima of N' and of unrestricted networks, "
        f"{len(spare)} have spare neurons; the implication fails at "
        f"{int(natural['verdict'].eq('violated').sum())}.\n"
        "- **Solvers.** Share of end points that are certified minima of N* as they are: "
        f"{shares}; after descent, for all solvers: {percent(after)}.\n"
        f"- **Global minima.** {least.sum()} combinations of data, m and space have one or two "
        "inputs. According to branch and bound, the best minimum found is global for "
        f"{least.get('holds', 0)} of them and not global for {least.get('violated', 0)}; "
        f"{least.get('undecided', 0)} are undecided."
    )


def main(results):
    results = Path(results)
    names = ["summary", "probes", "minima", "controls", "brackets", "converse", "natural", "runs"]
    names.append("optima")
    read = {name: read_table(name, results / f"tables/{name}.parquet") for name in names}
    target = Path("docs/figures")
    for figure in [*FIGURES, *ATLAS_FIGURES]:
        shutil.copyfile(results / f"figures/{figure}.png", target / f"{figure}.png")
    runpy.run_path("docs/gallery/plot_05_tree.py")
    plt.savefig(target / "landscape.png", dpi=150)
    readme = Path("README.md")
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    content = f"\n{findings(read)}\n\n{table(read['summary'])}\n"
    write_text(readme, before + BEGIN + "\n" + content + "\n" + END + after)
    write_text("docs/tables.md", render_markdown())


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["results/default"]))
