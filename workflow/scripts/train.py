"""Train one block of starts."""

from job import block_of, job

from landscape.data import read_dataset, write_arrays
from landscape.study.fits import train_block


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        fits = train_block(
            data.features,
            data.target,
            block_of(snakemake),
            margin=snakemake.params.margin,
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "fits", fits)


main(snakemake)  # noqa: F821
