"""All figures, each as SVG and PNG."""

from pathlib import Path

from job import job

from landscape.data import replace_file
from landscape.plots import FIGURES, render
from landscape.tables import read_table


def main(snakemake):
    with job(snakemake) as progress:
        tables = {
            name: read_table(name, path) for name, path in snakemake.input.items() if name != "code"
        }
        for path in map(Path, snakemake.output):
            figure = FIGURES[path.stem](tables)
            content = render(figure, path.suffix[1:])
            replace_file(path, lambda file, content=content: file.write(content))
            progress(path.name)


main(snakemake)  # noqa: F821
