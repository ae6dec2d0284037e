"""Paired starts of one data set with each of the paper's regularizers."""

import pandas as pd
from job import job

from landscape.data import read_dataset, replace_file
from landscape.study.regularization import make_arms, regularization_runs


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        options, params = snakemake.params.options, snakemake.params
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
            seed=params.seed,
            arms=arms,
            solver=options["solver"],
            **params.training,
            progress=progress,
        )
        text = pd.DataFrame(runs).to_csv(index=False, lineterminator="\n").encode()
        replace_file(snakemake.output.runs, lambda file: file.write(text))


main(snakemake)  # noqa: F821
