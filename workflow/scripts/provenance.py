"""Table provenance: versions, seeds, configuration, code, data, platform."""

from job import job, load_data

from landscape.study.origins import table_origin
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
        frame = provenance_frame(snakemake.params.config, about, snakemake.input.code)
        files = (snakemake.output.csv, snakemake.output.parquet)
        write_table("provenance", frame, *files, table_origin("provenance", snakemake.config))


main(snakemake)  # noqa: F821
