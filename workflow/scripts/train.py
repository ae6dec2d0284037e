"""Train one block of starts over every space."""

from job import block_of, job, load_data, save

from landscape.study.fits import join_parts, train_block
from landscape.study.own_solvers import solver_named


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        options = dict(snakemake.params.options)
        options["solver"] = solver_named(options["solver"], snakemake.params.own)
        fits = {}
        for space in snakemake.params.spaces:
            progress(space)
            fits[space] = train_block(
                data.features,
                data.target,
                block_of(snakemake, space),
                margin=snakemake.params.margin,
                **options,
                progress=progress,
            )
        save(snakemake, snakemake.output[0], "fits", join_parts(fits), data)


main(snakemake)  # noqa: F821
