"""Comparisons of all arms of the experiment with regularizers, and their figure."""

import pandas as pd
from job import job, load
from tabular import save_figure

from landscape.data import write_text
from landscape.plots_regularization import regularization_figure
from landscape.study.regularization import compare_runs
from landscape.tables.frames import rows_of


def main(snakemake):
    with job(snakemake) as progress:
        runs = [
            row
            for path in snakemake.input.runs
            for row in rows_of(load(snakemake, path, "regularization"))
        ]
        summary = pd.DataFrame(compare_runs(runs, seed=snakemake.params.seed))
        progress(f"{len(runs)} runs, {len(summary)} comparisons")
        write_text(snakemake.output.summary, summary.to_csv(index=False, lineterminator="\n"))
        figure = regularization_figure(summary)
        for path in (snakemake.output.figure, snakemake.output.svg):
            save_figure(figure, path, progress)


main(snakemake)  # noqa: F821
