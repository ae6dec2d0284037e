"""Table summary from fits, minima and probes."""

from job import job

from landscape.tables import read_table, summary_frame, write_table


def main(snakemake):
    with job(snakemake):
        tables = (read_table(name, snakemake.input[name]) for name in ("fits", "minima", "probes"))
        write_table(
            "summary", summary_frame(*tables), snakemake.output.csv, snakemake.output.parquet
        )


main(snakemake)  # noqa: F821
