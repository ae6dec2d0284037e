"""The table of the networks that data sets bring, and its figure."""

from pathlib import Path

from job import job, load_data, origin
from tabular import load_frame, save_figure, save_tables

from landscape.study.rows import Imported
from landscape.tables import NETWORK_FIGURES, read_table


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        frames = {"networks": load_frame(snakemake, files.networks, Imported, data)}
        save_tables(snakemake, frames, progress)
        fits = read_table("fits", files.fits, origin(snakemake, files.fits))
        figure = NETWORK_FIGURES["networks"].draw({**frames, "fits": fits})
        for path in (snakemake.output.networks_svg, snakemake.output.networks_png):
            save_figure(figure, path, progress)


main(snakemake)  # noqa: F821
