"""The report of a study as one HTML file, and its short summary for print."""

from functools import partial
from pathlib import Path

from job import job, load_data, origin
from tabular import load

from landscape.claims.page import read_parts
from landscape.claims.registry import Claim, Effort
from landscape.data import replace_file
from landscape.report import printed_summary, report_page
from landscape.report.contents import lines_for_terminal
from landscape.rows import frame_of
from landscape.study.rows import Valley
from landscape.tables import read_table


def main(snakemake):
    with job(snakemake) as progress:
        named = snakemake.input
        tables = {
            name: read_table(name, path, origin(snakemake, path))
            for name, path in ((Path(path).stem, path) for path in named.tables)
        }
        study, captions = snakemake.params.study, snakemake.params.captions
        more = {
            "valleys": load(snakemake, named.valleys, Valley),
            "data": {Path(path).stem: load_data(snakemake, path) for path in named.data},
            "docs": bool(named.docs),
        }
        if named.claims:
            parts = read_parts(Effort(), Path(named.claims[0]).parents[1])
            more["claims"] = frame_of(Claim, [row for part in parts.values() for row in part])
        for output, write, figures in (
            (snakemake.output.page, partial(report_page, **more), named.svg),
            (snakemake.output.summary, printed_summary, named.png),
        ):
            drawn = {Path(path).stem: Path(path).read_bytes() for path in figures}
            content = write(tables, drawn, captions, study=study)
            content = content if isinstance(content, bytes) else content.encode()
            replace_file(output, lambda file, content=content: file.write(content))
            progress(f"{output}: {len(content):,} bytes")
        for line in lines_for_terminal(tables):
            progress(f"found: {line}")  # the workflow says it at its end (rules/runs.smk)


main(snakemake)  # noqa: F821
