"""Measure pairs of networks: parameter distance against the seminorm."""

from job import measure_minima

from landscape.study.certificates import distinct_minima
from landscape.study.pairs import measure_pairs
from landscape.study.stability import stability_rows
from landscape.study.starts import generator


def distances(snakemake, data, neurons, blocks, progress):
    """Pairs, and inverse stability at the minima, for one number of neurons."""
    params = snakemake.params
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
    return found


measure_minima(snakemake, "pairs", distances)  # noqa: F821
