"""Tables summary, rates, degeneracies and findings from the other tables."""

from job import job

from landscape.tables import (
    findings_frame,
    read_table,
    summary_frame,
    write_table,
)
from landscape.tables.rates import degeneracies_frame, rates_frame

SUMMARIZED = ("fits", "minima", "probes", "controls", "natural")


def main(snakemake):
    with job(snakemake):
        tables = {name: read_table(name, path) for name, path in snakemake.input.items()
                  if name != "code"}  # fmt: skip
        frames = {
            "summary": summary_frame(*(tables[name] for name in SUMMARIZED)),
            "rates": rates_frame(tables["stability"]),
            "degeneracies": degeneracies_frame(tables["natural"]),
            "findings": findings_frame(tables),
        }
        for name, frame in frames.items():
            files = (snakemake.output[f"{name}_csv"], snakemake.output[f"{name}_parquet"])
            write_table(name, frame, *files)


main(snakemake)  # noqa: F821
