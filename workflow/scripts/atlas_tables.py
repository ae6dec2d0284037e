"""Tables and figures of all atlases."""

from pathlib import Path

from job import job, load
from tabular import save_figure, save_tables

from landscape.plots_atlas import atlas_figure, coverage_figure
from landscape.tables.atlas import atlas_frame, coverage_frame


def main(snakemake):
    with job(snakemake) as progress:
        read = {
            kind: {Path(path).stem: load(snakemake, path, kind) for path in snakemake.input[kind]}
            for kind in ("atlas", "coverage")
        }
        neurons = snakemake.params.neurons
        frames = {
            "atlas": atlas_frame({k: (neurons[k], v) for k, v in read["atlas"].items()}),
            "coverage": coverage_frame({k: (neurons[k], v) for k, v in read["coverage"].items()}),
        }
        save_tables(snakemake, frames, progress)
        entries = {name: len(arrays["loss"]) for name, arrays in read["atlas"].items()}
        figures = {
            "atlas": atlas_figure(read["atlas"]),
            "coverage": coverage_figure(frames["coverage"], entries),
        }
        for path in map(Path, [*snakemake.output.png, *snakemake.output[-2:]]):
            save_figure(figures[path.stem], path, progress)


main(snakemake)  # noqa: F821
