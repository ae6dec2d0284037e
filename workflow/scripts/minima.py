"""Descend from one block of trained points in every space and certify the ends."""

from job import load, of_neurons, run_starts

from landscape.study.certificates import descend_block
from landscape.study.columns import split_parts


def descend(snakemake, data, block, progress):
    """The certified ends of one block in one space."""
    (trained,) = of_neurons(snakemake.input.fits, block.n_neurons)
    return descend_block(
        data.features,
        data.target,
        block,
        split_parts(load(snakemake, trained, "fits", data))[block.space],
        margin=snakemake.params.settings["margin"],
        **snakemake.params.settings["descent"],
        progress=progress,
    )


run_starts(snakemake, "minima", descend)  # noqa: F821
