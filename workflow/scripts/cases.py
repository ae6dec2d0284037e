"""Minima outside N* as training finds them, and the converse of Proposition 1.2."""

from job import job, load_blocks, load_data, save

from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.converse import converse_rows
from landscape.study.fits import join_parts
from landscape.study.natural import natural_rows


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        neurons, params = int(snakemake.wildcards.neurons), snakemake.params
        blocks = load_blocks(snakemake, snakemake.input.minima, "minima", data)
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
        save(snakemake, snakemake.output[0], "cases", join_parts(found), data)


main(snakemake)  # noqa: F821
