"""Tables and figures of this study, for the scripts that read and write them."""

from pathlib import Path

from landscape.data import replace_file
from landscape.study.origins import table_origin
from landscape.tables import read_table, write_table


def load_tables(snakemake):
    """All tables among a job's inputs; those of another study are an error."""
    return {
        name: read_table(name, path, table_origin(name, snakemake.config))
        for name, path in snakemake.input.items()
        if name != "code"
    }


def save_tables(snakemake, frames, progress):
    """Write tables to their two places, with what they were made from."""
    for name, frame in frames.items():
        files = (snakemake.output[f"{name}_csv"], snakemake.output[f"{name}_parquet"])
        write_table(name, frame, *files, table_origin(name, snakemake.config))
        progress(f"{name}: {len(frame)} rows")


def save_figure(figure, path, progress):
    """Write a figure in the format that its name ends with."""
    from landscape.plots import render  # with matplotlib, which tables do not need

    path = Path(path)
    content = render(figure, path.suffix[1:])
    replace_file(path, lambda file: file.write(content))
    progress(path.name)
