"""Rows, tables and figures of this study, for the scripts that read and write them."""

from pathlib import Path

from job import origin, place

from landscape.data import replace_file
from landscape.rows import as_frame
from landscape.rows.store import read_columns, read_rows, write_rows
from landscape.tables import read_table, write_table


def save(snakemake, path, table, rows, data=None):
    """Write the rows of a job together with what they were made from."""
    write_rows(path, table, rows, origin(snakemake, path, data))


def load(snakemake, paths, table, data=None):
    """The rows of files of this study; of another one's, or made from other data: an error.

    ``data`` is the data set that all are made from, or all of a study's by name.
    """
    return list(_each(snakemake, paths, table, data))


def _each(snakemake, paths, table, data):
    """These rows, of one file after the other."""
    for path in paths:
        yield from read_rows(path, table, _expected(snakemake, path, data))


def _expected(snakemake, path, data):
    """What a file must have been made from, with one data set or its own of several."""
    own = data[place(snakemake, path).split("/")[1]] if isinstance(data, dict) else data
    return origin(snakemake, path, own)


def load_frame(snakemake, paths, table, data=None):
    """Likewise, as a table without the networks: a million starts take gigabytes as rows."""
    import pyarrow as pa

    names = [column.name for column in table.columns()]
    files = [read_columns(path, table, _expected(snakemake, path, data)) for path in paths]
    return as_frame(table, pa.concat_tables([file.select(names) for file in files]).to_pandas())


def cells(snakemake, paths, data):
    """The cells whose rows of one kind a job writes, each with the place of its file."""
    from landscape.losses import objective_of
    from landscape.study.cells import Cell  # with scipy, which tables do not need

    settings = snakemake.params.settings
    for path in paths:
        neurons = int(place(snakemake, path).split("/")[2])
        common = {"seed": settings["seed"], "margin": settings.get("margin", 0.0)}
        common |= objective_of(settings)
        yield Cell(data.name, data.features, data.target, neurons, **common), path


def load_minima(snakemake, path, data):
    """The distinct minima of the cell whose rows go to ``path``."""
    from landscape.study.distinct import distinct_minima
    from landscape.study.rows import Fit

    neurons = Path(path).stem
    ends = [other for other in snakemake.input.minima if Path(other).parent.name == neurons]
    return distinct_minima(_each(snakemake, ends, Fit, data))


def load_tables(snakemake):
    """All tables among a job's inputs; those of another study are an error."""
    return {
        name: read_table(name, path, origin(snakemake, path))
        for name, path in snakemake.input.items()
    }


def save_tables(snakemake, frames, progress):
    """Write tables to their two places, with what they were made from."""
    for name, frame in frames.items():
        files = (snakemake.output[f"{name}_csv"], snakemake.output[f"{name}_parquet"])
        write_table(name, frame, *files, origin(snakemake, files[0]))
        progress(f"{name}: {len(frame)} rows")


def save_figure(figure, path, progress):
    """Write a figure in the format that its name ends with."""
    from landscape.plots import render  # with matplotlib, which tables do not need

    path = Path(path)
    content = render(figure, path.suffix[1:])
    replace_file(path, lambda file: file.write(content))
    progress(path.name)
