"""Descend from one block of trained points in every space and certify the ends."""

from job import block_of, job, load, load_data, save

from landscape.study.certificates import descend_block
from landscape.study.fits import join_parts, split_parts


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        fits = split_parts(load(snakemake, snakemake.input.fits, "fits", data))
        ends = {}
        for space in snakemake.params.spaces:
            progress(space)
            ends[space] = descend_block(
                data.features,
                data.target,
                block_of(snakemake, space),
                fits[space],
                margin=snakemake.params.margin,
                **snakemake.params.options,
                progress=progress,
            )
        save(snakemake, snakemake.output[0], "minima", join_parts(ends), data)


main(snakemake)  # noqa: F821
