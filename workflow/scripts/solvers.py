"""What each solver ends at over N*, before and after the descent."""

from job import job

from landscape.data import read_dataset, write_arrays
from landscape.study.solvers import solver_rows


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        runs = solver_rows(
            data.features,
            data.target,
            n_neurons=int(snakemake.wildcards.neurons),
            margin=snakemake.params.margin,
            dataset=snakemake.wildcards.dataset,
            seed=snakemake.params.seed,
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "solvers", runs)


main(snakemake)  # noqa: F821
