"""The table of the networks that data sets bring."""

from pathlib import Path

from job import job, load_data
from tabular import load, save_tables

from landscape.study.rows import Imported
from landscape.tables.sums import frames_of


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        rows = {"networks": load(snakemake, files.networks, Imported, data)}
        save_tables(snakemake, frames_of(rows), progress)


main(snakemake)  # noqa: F821
