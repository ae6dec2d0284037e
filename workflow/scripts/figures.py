"""All figures, each as SVG and PNG."""

from pathlib import Path

from job import job
from tabular import load_tables, save_figure

from landscape.plots import FIGURES


def main(snakemake):
    with job(snakemake) as progress:
        tables = load_tables(snakemake)
        for path in map(Path, snakemake.output):
            save_figure(FIGURES[path.stem](tables), path, progress)


main(snakemake)  # noqa: F821
