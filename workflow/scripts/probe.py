"""Everything that is asked of a data set's minima, but proofs and radii."""

from pkgutil import resolve_name

from job import job, load_data
from tabular import cells, load_minima, save

from landscape.study.rows import STEPS


def main(snakemake):
    with job(snakemake) as progress:
        data, settings = load_data(snakemake, snakemake.input.data), snakemake.params.settings
        for k, (cell, path) in enumerate(cells(snakemake, snakemake.output.probes, data)):
            minima = load_minima(snakemake, path, data)
            for kind, (key, table, source) in STEPS.items():
                progress(f"neurons {cell.neurons}, {kind}")
                rows = resolve_name(source)(cell, minima, **settings[key], progress=progress)
                save(snakemake, snakemake.output[kind][k], table, rows, data)


main(snakemake)  # noqa: F821
