"""Figures of the study, each as SVG and PNG."""

from pathlib import Path

from job import job
from tabular import load_tables, save_figure

from landscape.tables import FIGURES


def main(snakemake):
    with job(snakemake) as progress:
        tables = load_tables(snakemake)
        places = {}
        for path in map(Path, snakemake.output):
            places.setdefault(path.stem, []).append(path)
        for name, paths in places.items():
            figure = FIGURES[name].draw(tables)
            for path in paths:
                save_figure(figure, path, progress)


main(snakemake)  # noqa: F821
