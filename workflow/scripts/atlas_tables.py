"""Tables and figures of all atlases."""

from pathlib import Path

from job import job, load_data
from tabular import load, save_figure, save_tables

from landscape.plots_atlas import atlas_figure, coverage_figure, valleys_figure
from landscape.study.rows import Coverage, Entry, Valley
from landscape.tables.sums import frames_of


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        entries = load(snakemake, files.atlas, Entry)
        coverage = load(snakemake, files.coverage, Coverage)
        valleys = load(snakemake, files.valleys, Valley)
        frames = frames_of({"atlas": entries, "coverage": coverage, "valleys": valleys})
        save_tables(snakemake, frames, progress)
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        figures = {
            "atlas": atlas_figure(entries, data),
            "coverage": coverage_figure(frames["coverage"], frames["atlas"]),
            "valleys": valleys_figure(frames["valleys"]),
        }
        for path in map(Path, [*snakemake.output.png, *snakemake.output[-3:]]):
            save_figure(figures[path.stem], path, progress)


main(snakemake)  # noqa: F821
