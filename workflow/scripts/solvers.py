"""What each solver ends at over N*, before and after the descent."""

from job import job, load_data, outputs, save

from landscape.study.solvers import solver_rows


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        for neurons, path in outputs(snakemake, "solvers").items():
            progress(f"neurons {neurons}")
            runs = solver_rows(
                data.features,
                data.target,
                n_neurons=neurons,
                margin=settings["margin"],
                dataset=snakemake.wildcards.dataset,
                seed=settings["seed"],
                **settings["solvers"],
                max_iter=settings["training.max_iter"],
                tol=settings["training.tol"],
                max_descent=settings["descent.max_iter"],
                own=snakemake.params.own,
                progress=progress,
            )
            save(snakemake, path, "solvers", runs, data)


main(snakemake)  # noqa: F821
