"""Measure pairs of networks from N*."""

from job import job, read_blocks

from landscape.data import write_arrays
from landscape.study.certificates import distinct_minima
from landscape.study.pairs import measure_pairs
from landscape.study.starts import generator


def main(snakemake):
    with job(snakemake) as progress:
        neurons = int(snakemake.wildcards.neurons)
        blocks = read_blocks(snakemake.input.minima, "minima")
        pairs = measure_pairs(
            distinct_minima(blocks.get("restricted", [])),
            # 2: apart from the random numbers of starts and controls.
            rng=generator(snakemake.params.seed, snakemake.wildcards.dataset, neurons, 0, 2),
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "pairs", pairs)


main(snakemake)  # noqa: F821
