"""Table provenance: versions, seeds, configuration, code, data, platform."""

from pathlib import Path

from job import job, load_data, origin

import landscape
from landscape.tables import write_table
from landscape.tables.sums import provenance_frame


def main(snakemake):
    with job(snakemake):
        datasets = [load_data(snakemake, path) for path in snakemake.input.data]
        about = {
            data.name: {
                **data.metadata,
                "n_samples": data.n_samples,
                "n_features": data.n_features,
            }
            for data in datasets
        }
        frame = provenance_frame(
            snakemake.params.config, about, sorted(Path(landscape.__file__).parent.rglob("*.py"))
        )
        files = (snakemake.output.csv, snakemake.output.parquet)
        write_table("provenance", frame, *files, origin(snakemake, snakemake.output.csv))


main(snakemake)  # noqa: F821
