"""The functions that minima compute, as tables in the data's own units."""

from pathlib import Path

from job import job, load_data
from tabular import load, save_tables

from landscape.losses import objective_of
from landscape.study.rows import Minimum
from landscape.tables.realizations import realization_tables


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        minima = load(snakemake, files.minima, Minimum, data)
        loss = objective_of(snakemake.params.settings)["loss"]
        save_tables(snakemake, realization_tables(minima, data, loss), progress)


main(snakemake)  # noqa: F821
