"""Measure pairs of networks: parameter distance against the seminorm."""

from job import job, load_blocks, load_data, save

from landscape.study.certificates import distinct_minima
from landscape.study.fits import join_parts
from landscape.study.pairs import measure_pairs
from landscape.study.stability import stability_rows
from landscape.study.starts import generator


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        neurons, params = int(snakemake.wildcards.neurons), snakemake.params
        blocks = load_blocks(snakemake, snakemake.input.minima, "minima", data)
        minima = distinct_minima(blocks.get("restricted", []))
        found = {}
        # 2, 4: apart from the random numbers of starts and controls.
        found["pairs"] = measure_pairs(
            minima,
            rng=generator(params.seed, snakemake.wildcards.dataset, neurons, 0, 2),
            **params.pairs,
            progress=progress,
        )
        progress("stability")
        found["stability"] = stability_rows(
            data.features,
            data.target,
            minima,
            n_neurons=neurons,
            margin=params.margin,
            rng=generator(params.seed, snakemake.wildcards.dataset, neurons, 0, 4),
            **params.stability,
            progress=progress,
        )
        save(snakemake, snakemake.output[0], "pairs", join_parts(found), data)


main(snakemake)  # noqa: F821
