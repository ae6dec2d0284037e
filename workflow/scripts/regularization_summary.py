"""Comparisons of all arms of the experiment with regularizers, and their figure."""

import pandas as pd
from job import job

from landscape.data import replace_file
from landscape.plots import render
from landscape.plots_regularization import regularization_figure
from landscape.study.regularization import compare_runs

#: Columns of text; all others are numbers, read digit by digit (pandas' way has changed).
TEXT = ("dataset", "arm", "against", "outcome", "verdict", "implication")


def read_runs(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in frame.columns.difference(TEXT):
        frame[column] = [float(text or "nan") for text in frame[column]]
    return frame.astype({"neurons": int, "start": int})


def main(snakemake):
    with job(snakemake) as progress:
        runs = pd.concat([read_runs(path) for path in snakemake.input.runs])
        summary = pd.DataFrame(compare_runs(runs.to_dict("records"), seed=snakemake.params.seed))
        progress(f"{len(runs)} runs, {len(summary)} comparisons")
        text = summary.to_csv(index=False, lineterminator="\n").encode()
        replace_file(snakemake.output.summary, lambda file: file.write(text))
        figure = regularization_figure(summary)
        for path, format in ((snakemake.output.figure, "png"), (snakemake.output.svg, "svg")):
            content = render(figure, format)
            replace_file(path, lambda file, content=content: file.write(content))


main(snakemake)  # noqa: F821
