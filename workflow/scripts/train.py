"""Train one block of starts over every space, for each number of neurons of the job."""

from job import block_of, job, load_data, outputs, save

from landscape.study.columns import join_parts
from landscape.study.fits import train_block
from landscape.study.own_solvers import solver_named


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        options = dict(snakemake.params.options)
        options["solver"] = solver_named(options["solver"], snakemake.params.own)
        for neurons, path in outputs(snakemake, "fits").items():
            fits = {}
            for space in snakemake.params.spaces:
                progress(f"neurons {neurons}, {space}")
                fits[space] = train_block(
                    data.features,
                    data.target,
                    block_of(snakemake, space, neurons),
                    margin=snakemake.params.margin,
                    **options,
                    progress=progress,
                )
            save(snakemake, path, "fits", join_parts(fits), data)


main(snakemake)  # noqa: F821
