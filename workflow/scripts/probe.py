"""Probe the balls around distinct minima, and build the controls from those of N*."""

from job import job, load_blocks, load_data, save

from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.controls import control_rows
from landscape.study.fits import join_parts
from landscape.study.probes import probe_minima


def main(snakemake):
    with job(snakemake) as progress:
        data = load_data(snakemake, snakemake.input.data)
        neurons, margin = int(snakemake.wildcards.neurons), snakemake.params.margin
        options = dict(snakemake.params.probe)
        blocks = load_blocks(snakemake, snakemake.input.minima, "minima", data)
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
        save(snakemake, snakemake.output[0], "probes", join_parts(found), data)


main(snakemake)  # noqa: F821
