"""The pages of the documentation as a site, beside the report."""

import gc
import sys
from tempfile import TemporaryDirectory

from job import job
from sphinx.cmd.build import main as build


def main(snakemake):
    with job(snakemake) as progress, TemporaryDirectory() as aside:
        gc.disable()  # the trees of all pages live to the end: to look through them takes a quarter
        given = [snakemake.params.source, snakemake.output[0]]
        code = build(["--quiet", "--fail-on-warning", "-t", "pages", "-d", aside, *given])
        progress(f"{given[1]}: exit code {code}")
    sys.exit(code)


main(snakemake)  # noqa: F821
