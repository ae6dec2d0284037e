"""Tables summary, rates, degeneracies and findings from the other tables."""

from job import job
from tabular import load_tables, save_tables

from landscape.tables import findings_frame, summary_frame
from landscape.tables.rates import degeneracies_frame, rates_frame

SUMMARIZED = ("fits", "minima", "probes", "controls", "natural")


def main(snakemake):
    with job(snakemake) as progress:
        tables = load_tables(snakemake)
        frames = {
            "summary": summary_frame(*(tables[name] for name in SUMMARIZED)),
            "rates": rates_frame(tables["stability"]),
            "degeneracies": degeneracies_frame(tables["natural"]),
            "findings": findings_frame(tables),
        }
        save_tables(snakemake, frames, progress)


main(snakemake)  # noqa: F821
