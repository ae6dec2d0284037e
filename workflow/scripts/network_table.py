"""The table of the networks that data sets bring, and its figure."""

from pathlib import Path

from job import job, load_data, origin
from tabular import load, save_figure, save_tables

from landscape.study.rows import Imported
from landscape.tables import NETWORK_FIGURES, read_table
from landscape.tables.sums import frames_of


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        rows = {"networks": load(snakemake, files.networks, Imported, data)}
        frames = frames_of(rows)
        save_tables(snakemake, frames, progress)
        fits = read_table("fits", files.fits, origin(snakemake, files.fits))
        figure = NETWORK_FIGURES["networks"].draw({**frames, "fits": fits})
        for path in (snakemake.output.networks_svg, snakemake.output.networks_png):
            save_figure(figure, path, progress)


main(snakemake)  # noqa: F821
