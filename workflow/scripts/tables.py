"""All tables, from the rows of all jobs, and those that sum them up."""

from pathlib import Path

from job import job, load_data
from tabular import load_frame, save_tables

from landscape.study.distinct import number_starts
from landscape.study.rows import STEPS
from landscape.tables import TABLES
from landscape.tables.sums import sum_up

#: Kind of file by table, where it is not the table's name.
KINDS = {"minima": "radii", "runs": "solvers", "fits": "minima"}
#: Tables whose rows jobs write as they are published.
PLAIN = ("fits", "datasets", "minima", "brackets", "runs", *STEPS)


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        frames = {
            name: load_frame(snakemake, files[KINDS.get(name, name)], TABLES[name], data)
            for name in PLAIN
        }
        frames["fits"] = number_starts(frames["fits"], frames["minima"])
        save_tables(snakemake, frames | sum_up(frames), progress)


main(snakemake)  # noqa: F821
