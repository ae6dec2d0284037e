"""Build the control C.1 from the distinct minima of N*."""

from job import job, read_blocks

from landscape.data import read_dataset, write_arrays
from landscape.study.certificates import distinct_minima
from landscape.study.probes import control_minima


def main(snakemake):
    with job(snakemake) as progress:
        data = read_dataset(snakemake.input.data)
        controls = control_minima(
            data.features,
            data.target,
            distinct_minima(read_blocks(snakemake.input.minima, "minima")),
            n_neurons=int(snakemake.wildcards.neurons),
            margin=snakemake.params.margin,
            dataset=snakemake.wildcards.dataset,
            seed=snakemake.params.seed,
            **snakemake.params.options,
            progress=progress,
        )
        write_arrays(snakemake.output[0], "controls", controls)


main(snakemake)  # noqa: F821
