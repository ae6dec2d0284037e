"""Tables and figures of all atlases."""

from pathlib import Path

from job import job, load_data
from tabular import load, load_frame, save_figure, save_tables

from landscape.plots_atlas import atlas_figure, barriers_figure, coverage_figure, valleys_figure
from landscape.study.rows import Barrier, Coverage, Entry, Valley


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        kinds = {"atlas": Entry, "coverage": Coverage, "valleys": Valley, "barriers": Barrier}
        frames = {name: load_frame(snakemake, files[name], kind) for name, kind in kinds.items()}
        save_tables(snakemake, frames, progress)
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        figures = {
            "atlas": atlas_figure(load(snakemake, files.atlas, Entry), data),
            "coverage": coverage_figure(frames["coverage"], frames["atlas"]),
            "valleys": valleys_figure(frames["valleys"]),
            "barriers": barriers_figure(load(snakemake, files.valleys, Valley), data),
        }
        for path in map(Path, [*snakemake.output.png, *snakemake.output[-len(figures) :]]):
            save_figure(figures[path.stem], path, progress)


main(snakemake)  # noqa: F821
