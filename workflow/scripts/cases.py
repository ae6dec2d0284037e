"""Minima outside N* as training finds them, and the converse of Proposition 1.2."""

from job import job, read_blocks

from landscape.data import read_dataset, write_arrays
from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.converse import converse_rows
from landscape.study.fits import join_parts
from landscape.study.natural import natural_rows


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        neurons, params = int(snakemake.wildcards.neurons), snakemake.params
        blocks = read_blocks(snakemake.input.minima, "minima")
        found = {}
        for name in params.natural["spaces"]:
            progress(name)
            found[name] = natural_rows(
                data.features,
                data.target,
                distinct_minima(blocks.get(name, [])),
                space=make_space(name, data.n_features, neurons, margin=params.margin),
                max_minima=params.natural["max_minima"],
                progress=progress,
            )
        progress("converse")
        found["converse"] = converse_rows(
            data.features,
            data.target,
            n_neurons=neurons,
            dataset=snakemake.wildcards.dataset,
            seed=params.seed,
            **params.converse,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "cases", join_parts(found))


main(snakemake)  # noqa: F821
