"""Make one data set, and say which one it is."""

import sys

from job import job, origin
from tabular import save

from landscape.data import DataError, make_dataset
from landscape.losses import objective_name, objective_of
from landscape.rows.datasets import write_dataset
from landscape.study.rows import Identity


def main(snakemake):
    with job(snakemake) as progress:
        params, output = snakemake.params, snakemake.output
        dataset = make_dataset(
            snakemake.wildcards.dataset, params.dataset, generators=params.generators
        )
        # Beside the data: another name or unused column of the file changes nothing that is made.
        file = dataset.metadata.pop("table", {})
        if file and not params.content.startswith(file["sha256"]):
            raise DataError(f"{file['file']}: changed after the study began; run it again")
        parts = objective_of(params.objective)
        try:
            parts["loss"].on(dataset.target)
        except ValueError as error:
            raise DataError(f"{dataset.name}: {error}") from None
        row = Identity.of(dataset, file, objective_name(parts["loss"], parts["weight_decay"]))
        for column in Identity.columns():
            progress(f"{column.name}: {getattr(row, column.name)}")
        for note in dataset.unusual():
            sys.stderr.write(f"warning: data set {note}\n")
        write_dataset(output.data, dataset, origin(snakemake, output.data))
        save(snakemake, output.identity, Identity, [row], dataset)


main(snakemake)  # noqa: F821
