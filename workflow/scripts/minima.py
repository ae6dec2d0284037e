"""Descend from one block of trained points in every space and certify the ends."""

from job import block_of, job, load, load_data, of_neurons, outputs, save

from landscape.study.certificates import descend_block
from landscape.study.columns import join_parts, split_parts


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        for neurons, path in outputs(snakemake, "minima").items():
            (trained,) = of_neurons(snakemake.input.fits, neurons)
            fits = split_parts(load(snakemake, trained, "fits", data))
            ends = {}
            for space in snakemake.params.spaces:
                progress(f"neurons {neurons}, {space}")
                ends[space] = descend_block(
                    data.features,
                    data.target,
                    block_of(snakemake, space, neurons),
                    fits[space],
                    margin=snakemake.params.margin,
                    **snakemake.params.options,
                    progress=progress,
                )
            save(snakemake, path, "minima", join_parts(ends), data)


main(snakemake)  # noqa: F821
