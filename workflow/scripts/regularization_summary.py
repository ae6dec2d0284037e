"""Comparisons of all arms of the experiment with regularizers, and their figure."""

from job import job
from tabular import load, save_figure

from landscape.data import write_text
from landscape.plots.figures import regularization_figure
from landscape.rows.store import csv_text
from landscape.study.regularization import ArmRun, compare_arms


def main(snakemake):
    with job(snakemake) as progress:
        runs = load(snakemake, snakemake.input.runs, ArmRun)
        summary = compare_arms(runs, seed=snakemake.params.seed)
        progress(f"{len(runs)} runs, {len(summary)} comparisons")
        write_text(snakemake.output.summary, csv_text(summary))
        figure = regularization_figure(summary)
        for path in (snakemake.output.figure, snakemake.output.svg):
            save_figure(figure, path, progress)


main(snakemake)  # noqa: F821
