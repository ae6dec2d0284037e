"""Train one block of starts over every space, for each number of neurons of the job."""

from job import job, load_data
from tabular import cells, save

from landscape.study.rows import Fit
from landscape.study.training import solver_named, train_starts


def main(snakemake):
    starts = range(*map(int, snakemake.wildcards.block.split("-")))
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        options = dict(settings["training"])
        options["solver"] = solver_named(options["solver"], snakemake.params.own)
        for cell, path in cells(snakemake, snakemake.output, data):
            rows = []
            for space in settings["spaces"]:
                progress(f"neurons {cell.neurons}, {space}")
                rows += train_starts(cell, space, starts, **options, progress=progress)
            save(snakemake, path, Fit, rows, data)


main(snakemake)  # noqa: F821
