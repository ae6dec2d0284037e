"""Descend from one block of trained points in every space and certify the ends."""

from job import block_of, job

from landscape.data import read_arrays, read_dataset, write_arrays
from landscape.study.certificates import descend_block
from landscape.study.fits import join_parts, split_parts


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        fits = split_parts(read_arrays(snakemake.input.fits, "fits").arrays)
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
        write_arrays(snakemake.output[0], "minima", join_parts(ends))


main(snakemake)  # noqa: F821
