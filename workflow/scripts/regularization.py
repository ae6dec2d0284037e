"""Paired starts of one data set with each of the paper's regularizers."""

from job import job, load_data, save

from landscape.study.columns import as_arrays
from landscape.study.regularization import make_arms, regularization_runs


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        settings = snakemake.params.settings
        options = settings["regularization"]
        arms = make_arms(
            options["strengths"],
            angle=options["angle"],
            merging_angle=options["merging_angle"],
            every=options["every"],
        )
        runs = regularization_runs(
            data.features,
            data.target,
            dataset=snakemake.wildcards.dataset,
            n_neurons=int(snakemake.wildcards.neurons),
            starts=options["starts"],
            seed=settings["seed"],
            arms=arms,
            solver=options["solver"],
            max_iter=settings["training.max_iter"],
            tol=settings["training.tol"],
            progress=progress,
        )
        save(snakemake, snakemake.output.runs, "regularization", as_arrays(runs), data)


main(snakemake)  # noqa: F821
