"""What each solver ends at over N*, before and after the descent."""

from job import job, load_data
from tabular import cells, save

from landscape.study.rows import Run
from landscape.study.training import run_solvers


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        for cell, path in cells(snakemake, snakemake.output, data):
            progress(f"neurons {cell.neurons}")
            rows = run_solvers(
                cell,
                **settings["solvers"],
                max_iter=settings["training.max_iter"],
                tol=settings["training.tol"],
                max_descent=settings["descent.max_iter"],
                own=snakemake.params.own,
                progress=progress,
            )
            save(snakemake, path, Run, rows, data)


main(snakemake)  # noqa: F821
