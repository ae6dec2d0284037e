"""Descend from one block of trained points in every space and certify the ends."""

from job import job, load_data
from tabular import cells, load, save

from landscape.study.rows import Fit
from landscape.study.training import descend_starts


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        written = cells(snakemake, snakemake.output, data)
        for trained, (cell, path) in zip(snakemake.input.fits, written, strict=True):
            progress(f"neurons {cell.neurons}")
            rows = descend_starts(
                cell,
                load(snakemake, [trained], Fit, data),
                **settings["descent"],
                exact=settings["minima"]["proof"] == "all",
                progress=progress,
            )
            save(snakemake, path, Fit, rows, data)


main(snakemake)  # noqa: F821
