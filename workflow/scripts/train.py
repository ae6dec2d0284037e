"""Train one block of starts over every space, for each number of neurons of the job."""

from job import run_starts

from landscape.study.fits import train_block
from landscape.study.own_solvers import solver_named


def train(snakemake, data, block, progress):
    """The trained points of one block in one space."""
    settings = snakemake.params.settings
    options = dict(settings["training"])
    options["solver"] = solver_named(options["solver"], snakemake.params.own)
    margin = settings["margin"]
    return train_block(
        data.features, data.target, block, margin=margin, **options, progress=progress
    )


run_starts(snakemake, "fits", train)  # noqa: F821
