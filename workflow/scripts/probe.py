"""Probe the balls around the distinct minima of one cell."""

from job import job, read_blocks

from landscape.data import read_dataset, write_arrays
from landscape.spaces import make_space
from landscape.study.certificates import distinct_minima
from landscape.study.probes import probe_minima


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        space = make_space(
            snakemake.wildcards.space,
            data.n_features,
            int(snakemake.wildcards.neurons),
            margin=snakemake.params.margin,
        )
        probes = probe_minima(
            data.features,
            data.target,
            distinct_minima(read_blocks(snakemake.input.minima, "minima")),
            space=space,
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "probes", probes)


main(snakemake)  # noqa: F821
