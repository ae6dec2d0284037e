"""Descend from one block of trained points and certify the ends."""

from job import block_of, job

from landscape.data import read_arrays, read_dataset, write_arrays
from landscape.study.certificates import descend_block


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        ends = descend_block(
            data.features,
            data.target,
            block_of(snakemake),
            read_arrays(snakemake.input.fits, "fits").arrays,
            margin=snakemake.params.margin,
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "minima", ends)


main(snakemake)  # noqa: F821
