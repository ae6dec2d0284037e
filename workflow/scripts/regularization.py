"""Paired starts of one data set with each of the paper's regularizers."""

from job import job, load_data
from tabular import cells, save

from landscape.study.regularization import ArmRun, make_arms, run_arms


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        options = settings["regularization"]
        arms = make_arms(
            options["strengths"],
            angle=options["angle"],
            merging_angle=options["merging_angle"],
            every=options["every"],
        )
        for cell, path in cells(snakemake, snakemake.output, data):
            runs = run_arms(
                cell,
                arms,
                starts=options["starts"],
                solver=options["solver"],
                max_iter=settings["training.max_iter"],
                tol=settings["training.tol"],
                progress=progress,
            )
            save(snakemake, path, ArmRun, runs, data)


main(snakemake)  # noqa: F821
