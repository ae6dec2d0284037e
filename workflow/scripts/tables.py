"""All tables, from the rows of all jobs, and those that sum them up."""

from pathlib import Path

from job import job, load_data
from tabular import load, save_tables

from landscape.study.distinct import distinct_minima
from landscape.study.rows import STEPS, Fit
from landscape.tables import TABLES
from landscape.tables.sums import frames_of, sum_up

#: Kind of file by table, where it is not the table's name.
KINDS = {"minima": "radii", "runs": "solvers"}
#: Tables whose rows jobs write as they are published.
PLAIN = ("datasets", "minima", "brackets", "runs", *STEPS)


def main(snakemake):
    with job(snakemake) as progress:
        files = snakemake.input
        data = {Path(path).stem: load_data(snakemake, path) for path in files.data}
        ends = load(snakemake, files.minima, Fit, data)
        found = {"fits": distinct_minima(ends)[0]}
        for name in PLAIN:
            kind = KINDS.get(name, name)
            found[name] = load(snakemake, files[kind], TABLES[name], data)
        frames = frames_of(found)
        save_tables(snakemake, frames | sum_up(frames), progress)


main(snakemake)  # noqa: F821
