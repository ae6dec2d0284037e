"""What each solver ends at over N*, before and after the descent."""

from job import job, load_data, outputs, save

from landscape.study.solvers import solver_rows


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        for neurons, path in outputs(snakemake, "solvers").items():
            progress(f"neurons {neurons}")
            runs = solver_rows(
                data.features,
                data.target,
                n_neurons=neurons,
                margin=snakemake.params.margin,
                dataset=snakemake.wildcards.dataset,
                seed=snakemake.params.seed,
                **snakemake.params.options,
                progress=progress,
            )
            save(snakemake, path, "solvers", runs, data)


main(snakemake)  # noqa: F821
