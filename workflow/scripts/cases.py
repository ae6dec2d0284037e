"""Minima outside N* as training finds them, and the converse of Proposition 1.2."""

from job import measure_minima

from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.converse import converse_rows
from landscape.study.natural import natural_rows


def cases(snakemake, data, neurons, blocks, progress):
    """Minima outside N*, and the converse, for one number of neurons."""
    params = snakemake.params
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
    return found


measure_minima(snakemake, "cases", cases)  # noqa: F821
