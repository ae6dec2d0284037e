"""Make one data set."""

from job import job, origin

from landscape.data import make_dataset
from landscape.rows.datasets import write_dataset


def main(snakemake):
    with job(snakemake) as progress:
        dataset = make_dataset(
            snakemake.wildcards.dataset,
            snakemake.params.dataset,
            generators=snakemake.params.generators,
        )
        progress(repr(dataset))
        path = snakemake.output[0]
        write_dataset(path, dataset, origin(snakemake, path))


main(snakemake)  # noqa: F821
