"""Probe the balls around distinct minima, and build the controls from those of N*."""

from job import measure_minima

from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.controls import control_rows
from landscape.study.probes import probe_minima


def balls(snakemake, data, neurons, blocks, progress):
    """Balls around the minima of every space, and the controls, for one number of neurons."""
    margin, options = snakemake.params.margin, dict(snakemake.params.probe)
    found = {}
    for name in options.pop("spaces"):
        progress(name)
        found[name] = probe_minima(
            data.features,
            data.target,
            distinct_minima(blocks.get(name, [])),
            space=make_space(name, data.n_features, neurons, margin=margin),
            **options,
            progress=progress,
        )
    progress("controls")
    found["controls"] = control_rows(
        data.features,
        data.target,
        distinct_minima(blocks.get("restricted", [])),
        n_neurons=neurons,
        margin=margin,
        dataset=snakemake.wildcards.dataset,
        seed=snakemake.params.seed,
        **snakemake.params.controls,
        progress=progress,
    )
    return found


measure_minima(snakemake, "probes", balls)  # noqa: F821
